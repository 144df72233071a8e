"""Submits one job with the official Python client and prints the job status that it returns.

Standard input is one JSON object: server, partner_id, api_key, user_id, job_id, job_type, base64
(whether the images travel as base64 in info.json or as files in the zip), selfie (a path) and
liveness (paths).
"""

import base64
import json
import sys

from smile_id_core import WebApi

FILE_TYPES = {"selfie": 0, "liveness": 4}
BASE64_TYPES = {"selfie": 2, "liveness": 6}


def image(kind, path, as_base64):
    if not as_base64:
        return {"image_type_id": FILE_TYPES[kind], "file_name": path}
    with open(path, "rb") as file:
        data = base64.b64encode(file.read()).decode()
    return {"image_type_id": BASE64_TYPES[kind], "image": data}


def main():
    job = json.load(sys.stdin)
    images = [image("selfie", job["selfie"], job["base64"])]
    images += [image("liveness", path, job["base64"]) for path in job["liveness"]]
    client = WebApi(job["partner_id"], "", job["api_key"], job["server"])
    status = client.submit_job(
        {"user_id": job["user_id"], "job_id": job["job_id"], "job_type": job["job_type"]},
        images,
        {},
        {
            "return_job_status": True,
            "return_history": True,
            "return_images": True,
            "use_enrolled_image": False,
        },
    )
    json.dump(status, sys.stdout)


main()
