"""A device: authenticates and reports over HTTPS as IoTDA's documentation tells its firmware to."""

import hashlib
import hmac
import time

import gate
import requests


class Firmware:
    def __init__(self, device_id, secret):
        self.device_id = device_id
        self.secret = secret
        self.token = None

    def authenticate(self):
        """The status; a token is kept."""
        timestamp = time.strftime("%Y%m%d%H", time.gmtime())
        password = hmac.new(timestamp.encode(), self.secret.encode(), hashlib.sha256).hexdigest()
        body = {"device_id": self.device_id, "sign_type": 0, "timestamp": timestamp, "password": password}
        answer = requests.post(f"{gate.DEVICE}/v5/device-auth", json=body, verify=gate.CA, timeout=60)
        if answer.status_code == 200:
            self.token = answer.json()["access_token"]
        return answer.status_code

    def report(self, service, properties):
        """Reports this JSON text as it is; the status."""
        body = f'{{"services":[{{"service_id":"{service}","properties":{properties}}}]}}'
        url = f"{gate.DEVICE}/v5/devices/{self.device_id}/sys/properties/report"
        headers = {"access_token": self.token}
        return requests.post(url, body, headers=headers, verify=gate.CA, timeout=60).status_code
