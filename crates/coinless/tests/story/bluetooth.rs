//! A meter as a Bluetooth peripheral, through a fake of BlueZ: what a central sees, and what is said where there is none.

use crate::setting::{GAS, Setting, complaint};
use coinless_sim::fake_bluez::{Bus, FakeBluez, SHORTEST_MTU};
use std::collections::HashMap;
use std::io::ErrorKind;
use zbus::blocking::fdo::ObjectManagerProxy;
use zbus::blocking::{Connection, Proxy, connection};
use zbus::zvariant::{OwnedObjectPath, OwnedValue};

const CHARACTERISTIC: &str = "org.bluez.GattCharacteristic1";
const DOWNSTREAM: &str = "8bf52767-5625-43ca-a678-70883a366866";
const UPSTREAM: &str = "ab3720c8-7fc0-41f8-aa2a-9a45c2c01a4b";

/// A fake of BlueZ; none, said so, where D-Bus is not installed, which is an error with CI set.
pub fn fake_bluez(mtu: u16) -> Option<FakeBluez> {
    match FakeBluez::start(mtu) {
        Err(error) if error.kind() == ErrorKind::NotFound && std::env::var_os("CI").is_none() => {
            println!("skipped: {error}");
            None
        }
        bluez => Some(bluez.unwrap()),
    }
}

/// A process that looks at BlueZ's objects.
struct Central(Connection);

impl Central {
    fn at(bluez: &FakeBluez) -> Self {
        Self(connection::Builder::address(bluez.address()).unwrap().build().unwrap())
    }

    fn objects(&self, interface: &str) -> Vec<(OwnedObjectPath, HashMap<String, OwnedValue>)> {
        let manager = ObjectManagerProxy::builder(&self.0).destination("org.bluez").unwrap().path("/").unwrap();
        let objects = manager.build().unwrap().get_managed_objects().unwrap();
        let of = |(path, interfaces): (OwnedObjectPath, HashMap<_, HashMap<String, OwnedValue>>)| {
            let mut found = interfaces
                .into_iter()
                .filter(|(name, _): &(zbus::names::OwnedInterfaceName, _)| name.as_str() == interface);
            found.next().map(|(_, properties)| (path, properties))
        };
        objects.into_iter().filter_map(of).collect()
    }

    fn device(&self) -> Proxy<'static> {
        let (path, _) = self.objects("org.bluez.Device1").pop().unwrap();
        Proxy::new(&self.0, "org.bluez", path, "org.bluez.Device1").unwrap()
    }

    /// Connects to the only device, and waits until all that it offers is there.
    fn connect(&self) -> Proxy<'static> {
        let device = self.device();
        let mut resolved = device.receive_property_changed::<bool>("ServicesResolved");
        device.call_method("Connect", &()).unwrap();
        while !resolved.next().unwrap().get().unwrap() {}
        drop(resolved);
        device
    }

    fn characteristic(&self, uuid: &str) -> Proxy<'static> {
        let mut all = self.objects(CHARACTERISTIC).into_iter();
        let (path, _) = all.find(|(_, of)| String::try_from(of["UUID"].clone()).unwrap() == uuid).unwrap();
        Proxy::new(&self.0, "org.bluez", path, CHARACTERISTIC).unwrap()
    }
}

fn options() -> HashMap<String, OwnedValue> {
    HashMap::new()
}

#[test]
fn a_meter_is_in_reach_as_long_as_it_runs() {
    let Some(bluez) = fake_bluez(SHORTEST_MTU) else { return };
    let mut story = Setting::bluetooth(&bluez);
    assert_eq!(story.meter.address(), format!("bluetooth:{GAS}"));
    let central = Central::at(&bluez);
    let device = central.device();
    assert_eq!(device.get_property::<String>("Name").unwrap(), GAS);
    let uuids = device.get_property::<Vec<String>>("UUIDs").unwrap();
    assert_eq!(uuids, ["8df804b7-3300-496d-9dfa-f8fb40a236bc"]);

    for _ in 0..2 {
        central.connect();
        let (downstream, upstream) = (central.characteristic(DOWNSTREAM), central.characteristic(UPSTREAM));
        let mut values = upstream.receive_property_changed::<Vec<u8>>("Value");
        upstream.call_method("StartNotify", &()).unwrap();
        let ask = |token: u8| {
            let request = [&[1, 1, token][..], b"\xb5meter"].concat();
            downstream.call_method("WriteValue", &(request, options())).unwrap();
        };
        ask(7);
        let notified = loop {
            let value = values.next().unwrap().get().unwrap();
            if !value.is_empty() {
                break value;
            }
        };
        assert_eq!((notified.len(), &notified[..5]), (20, &[0x01, 0x45, 7, 0xc1, 60][..]), "cut to the packet");
        let read = |of: &Proxy<'_>| of.call::<_, _, Vec<u8>>("ReadValue", &(options(),)).unwrap();
        let whole = read(&upstream);
        assert!(whole.len() > 20 && whole.starts_with(&notified), "{whole:x?}");
        let long = downstream.call_method("WriteValue", &(vec![0_u8; 400], options()));
        assert!(long.is_err_and(|error| error.to_string().contains("at most 318 bytes")));
        drop(values);
        bluez.lose_links();
        assert!(central.objects(CHARACTERISTIC).is_empty(), "what a device offers is gone with the connection");
        assert!(!central.device().get_property::<bool>("Connected").unwrap());
    }

    let removed = ObjectManagerProxy::builder(&central.0).destination("org.bluez").unwrap().path("/").unwrap();
    let mut removed = removed.build().unwrap().receive_interfaces_removed().unwrap();
    assert!(story.meter.stop().unwrap().success());
    removed.next().unwrap();
    assert!(central.objects("org.bluez.Device1").is_empty());
}

#[test]
fn what_is_said_where_there_is_no_bluetooth() {
    let mut story = Setting::new();
    assert!(story.meter.stop().unwrap().success());
    let run = |bus: &str| complaint(story.desk.run_command(story.desk.bluez_meter_command(GAS, bus)));
    let message = run("unix:path=/nothing/is/here");
    assert!(message.contains("there is no D-Bus system bus"), "{message}");
    let Some(_) = fake_bluez(SHORTEST_MTU) else { return };
    let bus = Bus::start().unwrap();
    let message = run(&bus.address);
    assert!(message.contains("BlueZ does not run; start it"), "{message}");
}
