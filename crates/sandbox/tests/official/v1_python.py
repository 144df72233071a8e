"""Does one call with the official Python client of the v1 API and prints what it returns.

Standard input is one JSON object: call ("submit" or "status"), server, partner_id, api_key,
callback_url, partner_params (pairs, in their order), images (each with image_type_id, path and inline: whether it travels
as base64 in info.json or as a file in the zip), id_info and options.
"""

import base64
import json
import signal
import sys

from smile_id_core import WebApi


def image(entry):
    if not entry["inline"]:
        return {"image_type_id": entry["image_type_id"], "file_name": entry["path"]}
    with open(entry["path"], "rb") as file:
        data = base64.b64encode(file.read()).decode()
    return {"image_type_id": entry["image_type_id"], "image": data}


def main():
    # It must not outlive a test that waits for it.
    signal.alarm(120)
    job = json.load(sys.stdin)
    partner_params = dict(job["partner_params"])
    client = WebApi(job["partner_id"], job["callback_url"], job["api_key"], job["server"])
    if job["call"] == "submit":
        images = [image(entry) for entry in job["images"]]
        answer = client.submit_job(partner_params, images, job["id_info"], job["options"])
    else:
        answer = client.utilities.get_job_status(partner_params, job["options"], None)
    json.dump(answer, sys.stdout)


main()
