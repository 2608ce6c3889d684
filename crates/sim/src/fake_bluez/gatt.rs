//! What a connected device offers, passed on from the peripheral's own objects.

use super::air::Air;
use super::device::{Device, disconnect, text};
use crate::line::Cut;
use futures_util::StreamExt;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use zbus::fdo::{self, ManagedObjects, PropertiesChangedStream, PropertiesProxy};
use zbus::names::OwnedUniqueName;
use zbus::object_server::{InterfaceRef, SignalEmitter};
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};
use zbus::{Connection, interface};

const SERVICE: &str = "org.bluez.GattService1";
const CHARACTERISTIC: &str = "org.bluez.GattCharacteristic1";
/// Client characteristic configuration (Bluetooth Core Specification, Vol. 3, Part G, §3.3.3.3): whether it notifies. Browsers do
/// not listen to what has none.
const CONFIGURATION: &str = "00002902-0000-1000-8000-00805f9b34fb";
/// What characteristics that have it say of themselves.
const NOTIFY: &str = "notify";
/// Bytes of a notification's packet that are not its value.
const NOTIFICATION_HEAD_BYTES: u16 = 3;

type Options = HashMap<String, OwnedValue>;

/// An object that a central sees.
pub enum Exported {
    Service(OwnedObjectPath),
    Characteristic(OwnedObjectPath),
    Configuration(OwnedObjectPath),
}

/// Shows services and characteristics below the device at `path`.
pub async fn export(
    connection: &Connection,
    path: &OwnedObjectPath,
    peripheral: &OwnedUniqueName,
    objects: &ManagedObjects,
    air: &Arc<Air>,
) -> zbus::Result<Vec<Exported>> {
    let server = connection.object_server();
    let mut all = Vec::new();
    let mut sorted: Vec<_> = objects.iter().collect();
    sorted.sort_by_key(|(path, _)| path.to_string());
    let of = |interface: &'static str| {
        let find = move |(path, interfaces): &(&OwnedObjectPath, &HashMap<_, HashMap<String, OwnedValue>>)| {
            let properties =
                interfaces.iter().find(|(name, _): &(&zbus::names::OwnedInterfaceName, _)| name.as_str() == interface);
            properties.map(|(_, properties)| ((*path).clone(), properties.clone()))
        };
        sorted.iter().filter_map(find).collect::<Vec<_>>()
    };
    for (number, (service, properties)) in of(SERVICE).into_iter().enumerate() {
        let service_path = OwnedObjectPath::try_from(format!("{path}/service{number:04x}"))?;
        let uuid = text(&properties, "UUID");
        server.at(&service_path, Service { uuid, device: path.clone() }).await?;
        all.push(Exported::Service(service_path.clone()));
        for (number, (characteristic, properties)) in of(CHARACTERISTIC).into_iter().enumerate() {
            let within = properties.get("Service").and_then(|value| value.try_clone().ok()?.try_into().ok());
            if within.as_ref() != Some(&service) {
                continue;
            }
            let path = OwnedObjectPath::try_from(format!("{service_path}/char{number:04x}"))?;
            let flags = properties.get("Flags").and_then(|value| value.try_clone().ok()?.try_into().ok());
            let flags: Vec<String> = flags.unwrap_or_default();
            let notifies = flags.iter().any(|flag| flag == NOTIFY);
            let shown = Characteristic {
                uuid: text(&properties, "UUID"),
                service: service_path.clone(),
                flags,
                peripheral: peripheral.clone(),
                original: characteristic,
                device: path_of_device(&service_path),
                air: air.clone(),
                value: std::sync::Mutex::new(Vec::new()),
                notifying: Mutex::new(None),
            };
            server.at(&path, shown).await?;
            all.push(Exported::Characteristic(path.clone()));
            if notifies {
                let configuration = OwnedObjectPath::try_from(format!("{path}/desc0000"))?;
                server.at(&configuration, Configuration { characteristic: path }).await?;
                all.push(Exported::Configuration(configuration));
            }
        }
    }
    Ok(all)
}

fn path_of_device(service: &OwnedObjectPath) -> OwnedObjectPath {
    let device = service.as_str().rsplit_once('/').map_or("/", |(device, _)| device);
    OwnedObjectPath::try_from(device).unwrap_or_default()
}

impl Exported {
    /// Takes the object away; tells the peripheral that nobody listens any more, if it is still there.
    pub async fn remove(self, connection: &Connection, tell: bool) {
        let server = connection.object_server();
        let removed = match self {
            Self::Service(path) => server.remove::<Service, _>(path).await,
            Self::Characteristic(path) => {
                if let Ok(characteristic) = server.interface::<_, Characteristic>(&path).await {
                    characteristic.get().await.stop(connection, tell).await;
                }
                server.remove::<Characteristic, _>(path).await
            }
            Self::Configuration(path) => server.remove::<Configuration, _>(path).await,
        };
        if let Err(error) = removed {
            tracing::debug!(%error, "an object was gone already");
        }
    }
}

struct Service {
    uuid: String,
    device: OwnedObjectPath,
}

#[interface(name = "org.bluez.GattService1")]
impl Service {
    #[zbus(property, name = "UUID")]
    fn uuid(&self) -> &str {
        &self.uuid
    }

    #[zbus(property)]
    fn device(&self) -> OwnedObjectPath {
        self.device.clone()
    }

    #[zbus(property)]
    fn primary(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn includes(&self) -> Vec<OwnedObjectPath> {
        Vec::new()
    }
}

struct Characteristic {
    uuid: String,
    service: OwnedObjectPath,
    flags: Vec<String>,
    peripheral: OwnedUniqueName,
    original: OwnedObjectPath,
    device: OwnedObjectPath,
    air: Arc<Air>,
    value: std::sync::Mutex<Vec<u8>>,
    notifying: Mutex<Option<JoinHandle<()>>>,
}

#[interface(name = "org.bluez.GattCharacteristic1")]
impl Characteristic {
    #[zbus(property, name = "UUID")]
    fn uuid(&self) -> &str {
        &self.uuid
    }

    #[zbus(property)]
    fn service(&self) -> OwnedObjectPath {
        self.service.clone()
    }

    #[zbus(property)]
    fn flags(&self) -> Vec<String> {
        self.flags.clone()
    }

    #[zbus(property)]
    fn value(&self) -> Vec<u8> {
        self.value.lock().map(|value| value.clone()).unwrap_or_default()
    }

    #[zbus(property)]
    async fn notifying(&self) -> bool {
        self.notifying.lock().await.is_some()
    }

    #[zbus(property, name = "MTU")]
    fn mtu(&self) -> u16 {
        self.air.mtu
    }

    async fn write_value(
        &self,
        value: Vec<u8>,
        _options: Options,
        #[zbus(connection)] connection: &Connection,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> fdo::Result<()> {
        match self.air.breaks_at_write() {
            None => self.call::<_, ()>(connection, "WriteValue", &(value, self.options())).await,
            Some(how) => {
                let device = connection.object_server().interface(&self.device).await?;
                let this = connection.object_server().interface(emitter.path()).await?;
                tokio::spawn(lose(device, this, value, how));
                Err(fdo::Error::Failed("the connection was lost".into()))
            }
        }
    }

    async fn read_value(
        &self,
        _options: Options,
        #[zbus(connection)] connection: &Connection,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> fdo::Result<Vec<u8>> {
        let value: Vec<u8> = self.call(connection, "ReadValue", &(self.options(),)).await?;
        self.set(value.clone());
        self.value_changed(&emitter).await?;
        Ok(value)
    }

    async fn start_notify(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> fdo::Result<()> {
        let mut notifying = self.notifying.lock().await;
        if notifying.is_some() {
            return Ok(());
        }
        let original =
            PropertiesProxy::builder(connection).destination(&self.peripheral)?.path(&self.original)?.build().await?;
        let changes = original.receive_properties_changed().await?;
        self.call::<_, ()>(connection, "StartNotify", &()).await?;
        let this = connection.object_server().interface(emitter.path()).await?;
        *notifying = Some(tokio::spawn(pass_on(changes, this)));
        drop(notifying);
        Ok(self.notifying_changed(&emitter).await?)
    }

    async fn stop_notify(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> fdo::Result<()> {
        self.stop(connection, true).await;
        Ok(self.notifying_changed(&emitter).await?)
    }
}

impl Characteristic {
    /// What BlueZ tells a peripheral of whoever asks.
    fn options(&self) -> HashMap<&'static str, Value<'_>> {
        HashMap::from([
            ("device", Value::from(self.device.as_ref())),
            ("mtu", self.air.mtu.into()),
            ("link", "LE".into()),
        ])
    }

    async fn call<B, R>(&self, connection: &Connection, method: &str, body: &B) -> fdo::Result<R>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
        R: serde::de::DeserializeOwned + zbus::zvariant::Type,
    {
        let answer = connection
            .call_method(Some(&self.peripheral), &self.original, Some(CHARACTERISTIC), method, body)
            .await
            .map_err(|error| fdo::Error::Failed(error.to_string()))?;
        Ok(answer.body().deserialize()?)
    }

    fn set(&self, value: Vec<u8>) {
        if let Ok(mut now) = self.value.lock() {
            *now = value;
        }
    }

    async fn stop(&self, connection: &Connection, tell: bool) {
        let Some(task) = self.notifying.lock().await.take() else { return };
        task.abort();
        if tell && let Err(error) = self.call::<_, ()>(connection, "StopNotify", &()).await {
            tracing::debug!(%error, "the peripheral is gone");
        }
    }
}

/// Ends a connection in which `value` is being written; what the peripheral answers is not heard any more.
async fn lose(device: InterfaceRef<Device>, of: InterfaceRef<Characteristic>, value: Vec<u8>, how: Cut) {
    disconnect(&device, true).await;
    if how == Cut::After {
        let (characteristic, connection) = (of.get().await, of.signal_emitter().connection());
        if let Err(error) =
            characteristic.call::<_, ()>(connection, "WriteValue", &(value, characteristic.options())).await
        {
            tracing::debug!(%error, "the peripheral did not take it");
        }
    }
}

/// It is there to be seen: who wants to be notified calls the characteristic, as with BlueZ.
struct Configuration {
    characteristic: OwnedObjectPath,
}

#[interface(name = "org.bluez.GattDescriptor1")]
impl Configuration {
    #[zbus(property, name = "UUID")]
    fn uuid(&self) -> &'static str {
        CONFIGURATION
    }

    #[zbus(property)]
    fn characteristic(&self) -> OwnedObjectPath {
        self.characteristic.clone()
    }

    #[zbus(property)]
    fn value(&self) -> Vec<u8> {
        Vec::new()
    }
}

/// Notifies of each new value, as much of it as fits into a packet.
async fn pass_on(mut changes: PropertiesChangedStream, shown: InterfaceRef<Characteristic>) {
    while let Some(change) = changes.next().await {
        let Ok(arguments) = change.args() else { continue };
        let value = arguments.changed_properties.get("Value").and_then(|value| value.try_clone().ok()?.try_into().ok());
        let Some::<Vec<u8>>(mut value) = value else { continue };
        let characteristic = shown.get().await;
        value.truncate(usize::from(characteristic.air.mtu.saturating_sub(NOTIFICATION_HEAD_BYTES)));
        characteristic.set(value);
        if characteristic.value_changed(shown.signal_emitter()).await.is_err() {
            return;
        }
    }
}
