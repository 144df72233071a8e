"""Sends one job with the official Python client of the V3 API, waits for its end, and prints what
it returned for both.

Standard input is one JSON object: call ("enroll", "authenticate" or "status"), server, certificate
(the path of the server's, in PEM), partner_id, api_key, and for a job `job`, the call's arguments,
with images as paths; for a status the job_id.
"""

import json
import signal
import ssl
import sys

import httpx
import usesmileid


def main():
    # It must not outlive a test that waits for it.
    signal.alarm(120)
    task = json.load(sys.stdin)
    context = ssl.create_default_context(cafile=task["certificate"])
    with httpx.Client(verify=context) as http:
        client = usesmileid.Client(
            partner_id=task["partner_id"],
            api_key=task["api_key"],
            base_url=task["server"],
            http_client=http,
        )
        if task["call"] == "status":
            status = client.verifications.retrieve(task["job_id"])
            json.dump({"status": status.model_dump()}, sys.stdout)
            return
        job = task["job"]
        job["consent"] = usesmileid.Consent.granted(**job["consent"])
        job["user_details"] = usesmileid.UserDetails(**job["user_details"])
        accepted = getattr(client.biometric, task["call"])(**job)
        status = client.verifications.wait_until_complete(accepted.job_id, interval=0.2)
        answer = {"accepted": accepted.model_dump(mode="json"), "status": status.model_dump()}
        json.dump(answer, sys.stdout)


main()
