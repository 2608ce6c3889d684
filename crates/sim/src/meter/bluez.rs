//! A simulated meter as a Bluetooth LE peripheral of this computer, through BlueZ's D-Bus service: CoAP over GATT, so that a
//! phone can load it over the air (`docs/protocol.md`).
//!
//! BlueZ assembles long writes, cuts notifications to the packets of each connection, and asks for the rest of a long read.

use super::reliable::{Conversations, Event, Outgoing, QUEUE};
use coinless_protocol::coap::{Framing, GATT_DOWNSTREAM, GATT_SERVICE, GATT_UPSTREAM, MAX_RELIABLE_BYTES};
use std::collections::HashMap;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use zbus::fdo::{self, ManagedObjects, ObjectManager, ObjectManagerProxy};
use zbus::object_server::SignalEmitter;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};
use zbus::{Connection, connection, interface};

const BLUEZ: &str = "org.bluez";
const ROOT: &str = "/coinless";
const SERVICE: &str = "/coinless/service0";
const DOWNSTREAM: &str = "/coinless/service0/char0";
const UPSTREAM: &str = "/coinless/service0/char1";
const ADVERTISEMENT: &str = "/coinless_advertisement";
/// Devices that are told apart at a time.
const MAX_PEERS: usize = 8;

/// Why there is no Bluetooth.
#[derive(Debug, thiserror::Error)]
pub enum BluezError {
    /// There is no bus.
    #[error("there is no D-Bus system bus, which Bluetooth needs: {0}")]
    Bus(zbus::Error),
    /// There is a bus without BlueZ.
    #[error("BlueZ does not run; start it (on most systems: systemctl start bluetooth)")]
    NotRunning,
    /// There is BlueZ without an adapter.
    #[error("this computer has no Bluetooth adapter that can be a peripheral")]
    NoAdapter,
    /// The adapter is off.
    #[error("the Bluetooth adapter is switched off; switch it on (bluetoothctl power on)")]
    Off,
    /// BlueZ refuses.
    #[error("BlueZ refuses: {0}")]
    Refused(zbus::Error),
}

/// A peripheral that is advertised.
pub(super) struct Bluez {
    pub conversations: Conversations,
    /// The name in its advertisement.
    pub name: String,
    /// The peripheral is there as long as this is.
    _connection: Connection,
}

impl Bluez {
    /// Registers a peripheral with this name. To be called inside a tokio runtime.
    pub async fn open(name: &str) -> Result<Self, BluezError> {
        let connection = connection::Builder::system().map_err(BluezError::Bus)?;
        let connection = connection.build().await.map_err(BluezError::Bus)?;
        let adapter = adapter(&connection).await?;
        let (conversations, events) = Conversations::new(Framing::Gatt);
        let (sender, outgoing) = channel(QUEUE);
        let peers = Mutex::new(Peers { known: HashMap::new(), last: 0, events, outgoing: sender });
        serve(&connection, name, peers).await.map_err(BluezError::Refused)?;
        tokio::spawn(notify(connection.clone(), outgoing));
        for (manager, method, path) in [
            ("org.bluez.GattManager1", "RegisterApplication", ROOT),
            ("org.bluez.LEAdvertisingManager1", "RegisterAdvertisement", ADVERTISEMENT),
        ] {
            let body = (ObjectPath::from_static_str_unchecked(path), HashMap::<&str, Value<'_>>::new());
            let registered = connection.call_method(Some(BLUEZ), &adapter, Some(manager), method, &body).await;
            registered.map_err(BluezError::Refused)?;
        }
        Ok(Self { conversations, name: name.to_owned(), _connection: connection })
    }
}

/// The first adapter that is on and can be a peripheral.
async fn adapter(connection: &Connection) -> Result<OwnedObjectPath, BluezError> {
    let manager = ObjectManagerProxy::builder(connection).destination(BLUEZ).and_then(|builder| builder.path("/"));
    let manager = manager.map_err(BluezError::Refused)?.build().await.map_err(BluezError::Refused)?;
    let objects: ManagedObjects = match manager.get_managed_objects().await {
        Ok(objects) => objects,
        Err(fdo::Error::ServiceUnknown(_) | fdo::Error::NameHasNoOwner(_)) => return Err(BluezError::NotRunning),
        Err(error) => return Err(BluezError::Refused(error.into())),
    };
    let mut found = Err(BluezError::NoAdapter);
    for (path, interfaces) in objects {
        let has = |name: &str| interfaces.keys().any(|known| known.as_str() == name);
        if !has("org.bluez.GattManager1") || !has("org.bluez.LEAdvertisingManager1") {
            continue;
        }
        let adapter = interfaces.iter().find(|(name, _)| name.as_str() == "org.bluez.Adapter1");
        let powered = adapter.and_then(|(_, properties)| properties.get("Powered"));
        if powered.is_some_and(|powered| bool::try_from(powered).is_ok_and(|powered| powered)) {
            return Ok(path);
        }
        found = Err(BluezError::Off);
    }
    found
}

async fn serve(connection: &Connection, name: &str, peers: Mutex<Peers>) -> zbus::Result<()> {
    let server = connection.object_server();
    server.at(ROOT, ObjectManager).await?;
    server.at(SERVICE, Service).await?;
    server.at(DOWNSTREAM, Downstream { peers }).await?;
    server.at(UPSTREAM, Upstream { value: Vec::new(), notifying: false }).await?;
    server.at(ADVERTISEMENT, Advertisement { name: name.to_owned() }).await?;
    Ok(())
}

/// Makes each answer the value of the upstream characteristic, which notifies.
async fn notify(connection: Connection, mut outgoing: Receiver<Outgoing>) {
    let upstream = connection.object_server().interface::<_, Upstream>(UPSTREAM).await;
    let upstream = match upstream {
        Ok(upstream) => upstream,
        Err(error) => return tracing::error!(%error, "the upstream characteristic is lost"),
    };
    while let Some(message) = outgoing.recv().await {
        // There is nothing to close: whoever leaves is not heard of.
        let Outgoing::Message(bytes) = message else { continue };
        let mut characteristic = upstream.get_mut().await;
        characteristic.value = bytes;
        if let Err(error) = characteristic.value_changed(upstream.signal_emitter()).await {
            tracing::warn!(%error, "notifying failed");
        }
    }
}

/// The devices that have written.
struct Peers {
    known: HashMap<OwnedObjectPath, u32>,
    last: u32,
    events: Sender<Event>,
    outgoing: Sender<Outgoing>,
}

impl Peers {
    /// Takes what a device writes. False if the meter is gone.
    async fn write(&mut self, device: OwnedObjectPath, value: Vec<u8>) -> bool {
        let peer = match self.known.get(&device) {
            Some(peer) => *peer,
            None => {
                if self.known.len() >= MAX_PEERS {
                    self.forget().await;
                }
                self.last = self.last.wrapping_add(1);
                self.known.insert(device, self.last);
                let opened = Event::Opened(self.last, self.outgoing.clone());
                if self.events.send(opened).await.is_err() {
                    return false;
                }
                self.last
            }
        };
        self.events.send(Event::Message(peer, value)).await.is_ok()
    }

    async fn forget(&mut self) {
        for (_, peer) in self.known.drain() {
            // The meter is gone if nobody hears it.
            let _ = self.events.send(Event::Closed(peer)).await;
        }
    }
}

/// Errors that BlueZ knows.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.bluez.Error")]
enum GattError {
    #[zbus(error)]
    ZBus(zbus::Error),
    Failed(String),
    InvalidOffset(String),
    InvalidValueLength(String),
}

struct Service;

#[interface(name = "org.bluez.GattService1")]
impl Service {
    #[zbus(property, name = "UUID")]
    fn uuid(&self) -> &'static str {
        GATT_SERVICE
    }

    #[zbus(property)]
    fn primary(&self) -> bool {
        true
    }
}

struct Downstream {
    peers: Mutex<Peers>,
}

#[interface(name = "org.bluez.GattCharacteristic1")]
impl Downstream {
    #[zbus(property, name = "UUID")]
    fn uuid(&self) -> &'static str {
        GATT_DOWNSTREAM
    }

    #[zbus(property)]
    fn service(&self) -> ObjectPath<'static> {
        ObjectPath::from_static_str_unchecked(SERVICE)
    }

    #[zbus(property)]
    fn flags(&self) -> Vec<&'static str> {
        vec!["write"]
    }

    async fn write_value(&self, value: Vec<u8>, options: HashMap<String, OwnedValue>) -> Result<(), GattError> {
        if offset(&options) != 0 {
            return Err(GattError::InvalidOffset("a request is written from its beginning".into()));
        }
        if value.len() > MAX_RELIABLE_BYTES {
            return Err(GattError::InvalidValueLength(format!("at most {MAX_RELIABLE_BYTES} bytes")));
        }
        let device = options.get("device").and_then(|device| OwnedObjectPath::try_from(device.clone()).ok());
        let written = self.peers.lock().await.write(device.unwrap_or_default(), value).await;
        if written { Ok(()) } else { Err(GattError::Failed("the meter is gone".into())) }
    }
}

struct Upstream {
    value: Vec<u8>,
    notifying: bool,
}

#[interface(name = "org.bluez.GattCharacteristic1")]
impl Upstream {
    #[zbus(property, name = "UUID")]
    fn uuid(&self) -> &'static str {
        GATT_UPSTREAM
    }

    #[zbus(property)]
    fn service(&self) -> ObjectPath<'static> {
        ObjectPath::from_static_str_unchecked(SERVICE)
    }

    #[zbus(property)]
    fn flags(&self) -> Vec<&'static str> {
        vec!["notify", "read"]
    }

    #[zbus(property)]
    fn value(&self) -> Vec<u8> {
        self.value.clone()
    }

    #[zbus(property)]
    fn notifying(&self) -> bool {
        self.notifying
    }

    fn read_value(&self, options: HashMap<String, OwnedValue>) -> Result<Vec<u8>, GattError> {
        let rest = self.value.get(usize::from(offset(&options))..);
        rest.map(<[u8]>::to_vec).ok_or_else(|| GattError::InvalidOffset("the answer is shorter".into()))
    }

    /// The first device wants notifications.
    async fn start_notify(&mut self, #[zbus(signal_emitter)] emitter: SignalEmitter<'_>) -> Result<(), GattError> {
        self.notifying = true;
        // A connection begins: what was written before is not compared with what comes now.
        let downstream = emitter.connection().object_server().interface::<_, Downstream>(DOWNSTREAM).await?;
        downstream.get().await.peers.lock().await.forget().await;
        Ok(())
    }

    /// The last device wants no more.
    fn stop_notify(&mut self) {
        self.notifying = false;
    }
}

fn offset(options: &HashMap<String, OwnedValue>) -> u16 {
    options.get("offset").and_then(|offset| u16::try_from(offset).ok()).unwrap_or(0)
}

struct Advertisement {
    name: String,
}

#[interface(name = "org.bluez.LEAdvertisement1")]
impl Advertisement {
    #[zbus(property, name = "Type")]
    fn kind(&self) -> &'static str {
        "peripheral"
    }

    #[zbus(property, name = "ServiceUUIDs")]
    fn service_uuids(&self) -> Vec<&'static str> {
        vec![GATT_SERVICE]
    }

    #[zbus(property)]
    fn local_name(&self) -> &str {
        &self.name
    }

    /// BlueZ has taken the advertisement off the air.
    fn release(&self) {
        tracing::error!("BlueZ no longer advertises the meter");
    }
}
