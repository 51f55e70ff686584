#!/usr/bin/python3
"""org.freedesktop.systemd1 as far as os_service checks need it, on the bus in the environment.

usage: fake_systemd.py NAME=STATE...; prints "ready" when it has its name.
"""
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

UNIT = "org.freedesktop.systemd1.Unit"


def path_of(unit):
    escaped = "".join(c if c.isalnum() else f"_{ord(c):02x}" for c in unit)
    return "/org/freedesktop/systemd1/unit/" + escaped


class Unit(dbus.service.Object):
    def __init__(self, bus, name, state):
        super().__init__(bus, path_of(name))
        self.state = state

    @dbus.service.method("org.freedesktop.DBus.Properties", in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        if (interface, name) != (UNIT, "ActiveState"):
            raise dbus.DBusException(f"no {name} of {interface}")
        return dbus.String(self.state, variant_level=1)


def main():
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.SystemBus()
    name = dbus.service.BusName("org.freedesktop.systemd1", bus)
    units = [Unit(bus, *argument.split("=")) for argument in sys.argv[1:]]
    print("ready", flush=True)
    GLib.MainLoop().run()
    return name, units


if __name__ == "__main__":
    main()
