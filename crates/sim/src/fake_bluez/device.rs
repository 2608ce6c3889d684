//! Peripherals that have registered, as the devices that a central sees.

use super::adapter::ADAPTER;
use super::air::Air;
use super::gatt::{self, Exported};
use futures_util::StreamExt;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI16, Ordering};
use tokio::sync::Mutex;
use zbus::fdo::{self, DBusProxy, ManagedObjects, ObjectManagerProxy, PropertiesProxy};
use zbus::names::{InterfaceName, OwnedUniqueName};
use zbus::object_server::InterfaceRef;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue};
use zbus::{Connection, interface};

/// All peripherals.
pub struct Devices {
    connection: Connection,
    air: Arc<Air>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    peripherals: HashMap<OwnedUniqueName, Peripheral>,
    numbered: u8,
}

/// What a process has registered.
#[derive(Default)]
struct Peripheral {
    objects: Option<Arc<ManagedObjects>>,
    advertisement: Option<Advertisement>,
    /// Where the device is that a central sees, once both are there.
    device: Option<OwnedObjectPath>,
}

#[derive(Clone)]
struct Advertisement {
    name: String,
    uuids: Vec<String>,
}

impl Devices {
    pub fn new(connection: Connection, air: Arc<Air>) -> Self {
        Self { connection, air, known: Mutex::new(Known::default()) }
    }

    /// Takes what a process offers over GATT.
    pub async fn add_application(self: Arc<Self>, of: OwnedUniqueName, path: OwnedObjectPath) -> fdo::Result<()> {
        let manager = ObjectManagerProxy::builder(&self.connection).destination(&of)?.path(&path)?.build().await?;
        let objects = Arc::new(manager.get_managed_objects().await?);
        self.known.lock().await.peripherals.entry(of.clone()).or_default().objects = Some(objects);
        self.show(of).await
    }

    /// Takes how a process advertises itself.
    pub async fn add_advertisement(self: Arc<Self>, of: OwnedUniqueName, path: OwnedObjectPath) -> fdo::Result<()> {
        let properties = PropertiesProxy::builder(&self.connection).destination(&of)?.path(&path)?.build().await?;
        let interface = InterfaceName::from_static_str_unchecked("org.bluez.LEAdvertisement1");
        let mut said = properties.get_all(interface).await?;
        let mut take = |name: &str| said.remove(name);
        let name = take("LocalName").and_then(|name| String::try_from(name).ok()).unwrap_or_default();
        let uuids = take("ServiceUUIDs").and_then(|uuids| Vec::<String>::try_from(uuids).ok()).unwrap_or_default();
        if take("Type").and_then(|kind| String::try_from(kind).ok()).as_deref() != Some("peripheral") {
            return Err(fdo::Error::InvalidArgs("only peripherals can be connected to".into()));
        }
        let advertisement = Advertisement { name, uuids };
        self.known.lock().await.peripherals.entry(of.clone()).or_default().advertisement = Some(advertisement);
        self.show(of).await
    }

    /// Shows a peripheral to centrals if all of it is there.
    async fn show(self: Arc<Self>, of: OwnedUniqueName) -> fdo::Result<()> {
        let mut known = self.known.lock().await;
        let number = known.numbered;
        let Some(peripheral) = known.peripherals.get_mut(&of) else { return Ok(()) };
        let (Some(objects), Some(advertisement), None) =
            (&peripheral.objects, &peripheral.advertisement, &peripheral.device)
        else {
            return Ok(());
        };
        let address = format!("C0:1E:55:00:01:{number:02X}");
        let path = format!("{ADAPTER}/dev_{}", address.replace(':', "_"));
        let path = OwnedObjectPath::try_from(path).map_err(zbus::Error::from)?;
        let device = Device {
            advertisement: advertisement.clone(),
            address,
            path: path.clone(),
            peripheral: of.clone(),
            objects: objects.clone(),
            air: self.air.clone(),
            rssi: AtomicI16::new(-50),
            connected: AtomicBool::new(false),
            resolved: AtomicBool::new(false),
            exported: Arc::new(Mutex::new(Vec::new())),
        };
        peripheral.device = Some(path.clone());
        known.numbered = number.wrapping_add(1);
        drop(known);
        let gone = self.watch(of).await?;
        tokio::spawn(gone);
        self.connection.object_server().at(&path, device).await?;
        Ok(())
    }

    /// Waits until a process is gone, and its device with it.
    async fn watch(self: &Arc<Self>, of: OwnedUniqueName) -> zbus::Result<impl Future<Output = ()> + use<>> {
        let bus = DBusProxy::new(&self.connection).await?;
        let mut changes = bus.receive_name_owner_changed_with_args(&[(0, of.as_str())]).await?;
        let this = self.clone();
        Ok(async move {
            changes.next().await;
            this.remove(&of).await;
        })
    }

    /// A process takes its peripheral away.
    pub async fn remove(&self, of: &OwnedUniqueName) {
        let peripheral = self.known.lock().await.peripherals.remove(of);
        let Some(path) = peripheral.and_then(|peripheral| peripheral.device) else { return };
        if let Ok(device) = self.device(&path).await {
            disconnect(&device, false).await;
        }
        // It was there until now.
        let _ = self.connection.object_server().remove::<Device, _>(&path).await;
    }

    /// Each device is heard again, a little louder or less loud.
    pub async fn advertise_again(&self) {
        for path in self.paths().await {
            let Ok(device) = self.device(&path).await else { continue };
            let heard = device.get().await;
            let rssi = heard.rssi.load(Ordering::Relaxed);
            heard.rssi.store(if rssi == -50 { -51 } else { -50 }, Ordering::Relaxed);
            said(heard.r_s_s_i_changed(device.signal_emitter()).await);
        }
    }

    /// All connections break.
    pub async fn lose_links(&self) {
        for path in self.paths().await {
            if let Ok(device) = self.device(&path).await {
                disconnect(&device, true).await;
            }
        }
    }

    async fn paths(&self) -> Vec<OwnedObjectPath> {
        self.known.lock().await.peripherals.values().filter_map(|peripheral| peripheral.device.clone()).collect()
    }

    async fn device(&self, path: &OwnedObjectPath) -> zbus::Result<InterfaceRef<Device>> {
        self.connection.object_server().interface(path).await
    }
}

/// A peripheral as a central sees it.
pub struct Device {
    advertisement: Advertisement,
    address: String,
    path: OwnedObjectPath,
    peripheral: OwnedUniqueName,
    objects: Arc<ManagedObjects>,
    air: Arc<Air>,
    rssi: AtomicI16,
    connected: AtomicBool,
    resolved: AtomicBool,
    exported: Arc<Mutex<Vec<Exported>>>,
}

#[interface(name = "org.bluez.Device1")]
impl Device {
    #[zbus(property)]
    fn address(&self) -> &str {
        &self.address
    }

    #[zbus(property)]
    fn address_type(&self) -> &'static str {
        "public"
    }

    #[zbus(property)]
    fn name(&self) -> &str {
        &self.advertisement.name
    }

    #[zbus(property)]
    fn alias(&self) -> &str {
        &self.advertisement.name
    }

    #[zbus(property, name = "UUIDs")]
    fn uuids(&self) -> Vec<String> {
        self.advertisement.uuids.clone()
    }

    #[zbus(property)]
    fn adapter(&self) -> ObjectPath<'static> {
        ObjectPath::from_static_str_unchecked(ADAPTER)
    }

    #[zbus(property, name = "RSSI")]
    fn rssi(&self) -> i16 {
        self.rssi.load(Ordering::Relaxed)
    }

    #[zbus(property)]
    fn connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    #[zbus(property)]
    fn services_resolved(&self) -> bool {
        self.resolved.load(Ordering::Relaxed)
    }

    #[zbus(property)]
    fn paired(&self) -> bool {
        false
    }

    #[zbus(property)]
    fn bonded(&self) -> bool {
        false
    }

    #[zbus(property)]
    fn trusted(&self) -> bool {
        false
    }

    #[zbus(property)]
    fn blocked(&self) -> bool {
        false
    }

    #[zbus(property)]
    fn legacy_pairing(&self) -> bool {
        false
    }

    async fn connect(&self, #[zbus(connection)] connection: &Connection) -> fdo::Result<()> {
        if self.connected.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let this: InterfaceRef<Self> = connection.object_server().interface(&self.path).await?;
        // A central takes the answer to this call for the beginning of the connection, so it is told before.
        self.connected_changed(this.signal_emitter()).await?;
        tokio::spawn(resolve(connection.clone(), this));
        Ok(())
    }

    async fn disconnect(&self, #[zbus(connection)] connection: &Connection) -> fdo::Result<()> {
        let this: InterfaceRef<Self> = connection.object_server().interface(&self.path).await?;
        disconnect(&this, true).await;
        Ok(())
    }
}

/// Shows what the peripheral offers, and then says that all is there.
async fn resolve(connection: Connection, device: InterfaceRef<Device>) {
    let this = device.get().await;
    let mut exported = this.exported.lock().await;
    if !this.connected.load(Ordering::Relaxed) || !exported.is_empty() {
        return;
    }
    match gatt::export(&connection, &this.path, &this.peripheral, &this.objects, &this.air).await {
        Ok(all) => *exported = all,
        Err(error) => return tracing::error!(%error, "what a peripheral offers cannot be shown"),
    }
    this.resolved.store(true, Ordering::Relaxed);
    said(this.services_resolved_changed(device.signal_emitter()).await);
}

/// Ends a connection; `tell` the peripheral, if it is still there.
pub async fn disconnect(device: &InterfaceRef<Device>, tell: bool) {
    let this = device.get().await;
    let mut exported = this.exported.lock().await;
    if !this.connected.swap(false, Ordering::Relaxed) {
        return;
    }
    this.resolved.store(false, Ordering::Relaxed);
    said(this.services_resolved_changed(device.signal_emitter()).await);
    for object in exported.drain(..).rev() {
        object.remove(device.signal_emitter().connection(), tell).await;
    }
    said(this.connected_changed(device.signal_emitter()).await);
}

/// A signal that cannot be sent has no receiver: the bus is at its end.
fn said(sent: zbus::Result<()>) {
    if let Err(error) = sent {
        tracing::debug!(%error, "a signal was not sent");
    }
}

/// The text of a property of a registered object.
pub fn text(properties: &HashMap<String, OwnedValue>, name: &str) -> String {
    properties.get(name).and_then(|value| value.try_clone().ok()?.try_into().ok()).unwrap_or_default()
}
