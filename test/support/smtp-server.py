"""An SMTP server that is not ours (aiosmtpd): prints its port, then each message as a line of JSON."""

import json
import sys

from aiosmtpd.controller import Controller


class Printer:
    refusals = int(sys.argv[1])

    async def handle_DATA(self, server, session, envelope):
        if self.refusals > 0:
            self.refusals -= 1
            return "451 try again later"
        message = envelope.content.decode()
        print(json.dumps({"from": envelope.mail_from, "to": envelope.rcpt_tos, "text": message}), flush=True)
        return "250 OK"


controller = Controller(Printer(), hostname="127.0.0.1", port=int(sys.argv[2]))
controller.start()
print(json.dumps({"port": controller.port}), flush=True)
sys.stdin.read()
controller.stop()
