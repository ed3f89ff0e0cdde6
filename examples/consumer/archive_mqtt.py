#!/usr/bin/env python3
"""Archives the stream of a broker in SQLite (`pip install paho-mqtt`, 2.0 or newer).

    python3 archive_mqtt.py broker.example.com 1883 archive.db

The session (client id, clean_start false) keeps what is published while this is away, for a week. A message is
acknowledged after its batch is committed: a kill loses nothing, and what comes again is dropped by its key.
"""

import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from archive import open_archive, store

WEEK = 7 * 24 * 3600


def main(host, port, path):
    archive = open_archive(path)

    def on_connect(client, _userdata, _flags, reason, _properties):
        print(f"connected: {reason}", file=sys.stderr)
        client.subscribe("plc/#", qos=1)

    def on_subscribe(_client, _userdata, _mid, reasons, _properties):
        print(f"subscribed: {reasons[0]}", file=sys.stderr)

    def on_message(client, _userdata, message):
        try:
            # An empty one clears a retained status.
            if message.payload and store(archive, message.payload):
                archive.commit()
        except ValueError as error:
            print(f"{message.topic}: {error}", file=sys.stderr)
        client.ack(message.mid, message.qos)

    client = mqtt.Client(
        mqtt.CallbackAPIVersion.VERSION2, client_id="archive", protocol=mqtt.MQTTv5, manual_ack=True
    )
    client.on_connect = on_connect
    client.on_subscribe = on_subscribe
    client.on_message = on_message
    session = Properties(PacketTypes.CONNECT)
    session.SessionExpiryInterval = WEEK
    client.connect(host, port, clean_start=False, properties=session)
    client.loop_forever()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
