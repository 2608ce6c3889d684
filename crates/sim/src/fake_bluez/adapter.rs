//! The adapter, and what both sides ask of it: peripherals to register, centrals to look for devices.

use super::device::Devices;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::Duration;
use zbus::message::Header;
use zbus::names::OwnedUniqueName;
use zbus::object_server::SignalEmitter;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue};
use zbus::{ObjectServer, fdo, interface};

/// The adapter's path.
pub const ADAPTER: &str = "/org/bluez/hci0";

/// How often a peripheral is heard while a central listens.
const ADVERTISING_INTERVAL: Duration = Duration::from_millis(100);

type Options = HashMap<String, OwnedValue>;

pub async fn serve(server: &ObjectServer, devices: &Arc<Devices>) -> zbus::Result<()> {
    server.at("/org/bluez", AgentManager).await?;
    server.at(ADAPTER, GattManager(devices.clone())).await?;
    server.at(ADAPTER, AdvertisingManager { devices: devices.clone(), active: AtomicU16::new(0) }).await?;
    server.at(ADAPTER, Adapter { devices: devices.clone(), discovering: Arc::new(AtomicBool::new(false)) }).await?;
    Ok(())
}

fn sender(header: &Header<'_>) -> fdo::Result<OwnedUniqueName> {
    let sender = header.sender().ok_or_else(|| fdo::Error::Failed("a message without a sender".into()))?;
    Ok(sender.to_owned().into())
}

struct Adapter {
    devices: Arc<Devices>,
    discovering: Arc<AtomicBool>,
}

#[interface(name = "org.bluez.Adapter1")]
impl Adapter {
    #[zbus(property)]
    fn address(&self) -> &'static str {
        "C0:1E:55:00:00:01"
    }

    #[zbus(property)]
    fn address_type(&self) -> &'static str {
        "public"
    }

    #[zbus(property)]
    fn name(&self) -> &'static str {
        "fake"
    }

    #[zbus(property)]
    fn alias(&self) -> &'static str {
        "fake"
    }

    #[zbus(property)]
    fn set_alias(&self, _alias: &str) {}

    #[zbus(property)]
    fn class(&self) -> u32 {
        0
    }

    #[zbus(property)]
    fn powered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn set_powered(&self, _powered: bool) {}

    #[zbus(property)]
    fn discoverable(&self) -> bool {
        false
    }

    #[zbus(property)]
    fn set_discoverable(&self, _discoverable: bool) {}

    #[zbus(property)]
    fn discoverable_timeout(&self) -> u32 {
        0
    }

    #[zbus(property)]
    fn set_discoverable_timeout(&self, _seconds: u32) {}

    #[zbus(property)]
    fn pairable(&self) -> bool {
        false
    }

    #[zbus(property)]
    fn set_pairable(&self, _pairable: bool) {}

    #[zbus(property)]
    fn discovering(&self) -> bool {
        self.discovering.load(Ordering::Relaxed)
    }

    #[zbus(property, name = "UUIDs")]
    fn uuids(&self) -> Vec<String> {
        Vec::new()
    }

    #[zbus(property)]
    fn roles(&self) -> Vec<&'static str> {
        vec!["central", "peripheral"]
    }

    fn get_discovery_filters(&self) -> Vec<&'static str> {
        vec!["UUIDs", "RSSI", "Transport", "DuplicateData"]
    }

    fn set_discovery_filter(&self, _filter: Options) {}

    async fn start_discovery(&self, #[zbus(signal_emitter)] emitter: SignalEmitter<'_>) -> fdo::Result<()> {
        if self.discovering.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        self.discovering_changed(&emitter).await?;
        let (devices, discovering) = (self.devices.clone(), self.discovering.clone());
        tokio::spawn(async move {
            let mut interval = tokio::time::interval(ADVERTISING_INTERVAL);
            while discovering.load(Ordering::Relaxed) {
                interval.tick().await;
                devices.advertise_again().await;
            }
        });
        Ok(())
    }

    async fn stop_discovery(&self, #[zbus(signal_emitter)] emitter: SignalEmitter<'_>) -> fdo::Result<()> {
        self.discovering.store(false, Ordering::Relaxed);
        Ok(self.discovering_changed(&emitter).await?)
    }

    fn remove_device(&self, _device: ObjectPath<'_>) {}
}

struct GattManager(Arc<Devices>);

#[interface(name = "org.bluez.GattManager1")]
impl GattManager {
    async fn register_application(
        &self,
        application: OwnedObjectPath,
        _options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> fdo::Result<()> {
        self.0.clone().add_application(sender(&header)?, application).await
    }

    async fn unregister_application(
        &self,
        _application: ObjectPath<'_>,
        #[zbus(header)] header: Header<'_>,
    ) -> fdo::Result<()> {
        self.0.remove(&sender(&header)?).await;
        Ok(())
    }
}

struct AdvertisingManager {
    devices: Arc<Devices>,
    active: AtomicU16,
}

#[interface(name = "org.bluez.LEAdvertisingManager1")]
impl AdvertisingManager {
    #[zbus(property)]
    fn active_instances(&self) -> u8 {
        u8::try_from(self.active.load(Ordering::Relaxed)).unwrap_or(u8::MAX)
    }

    #[zbus(property)]
    fn supported_instances(&self) -> u8 {
        u8::MAX
    }

    #[zbus(property)]
    fn supported_includes(&self) -> Vec<&'static str> {
        vec!["tx-power", "appearance", "local-name"]
    }

    async fn register_advertisement(
        &self,
        advertisement: OwnedObjectPath,
        _options: Options,
        #[zbus(header)] header: Header<'_>,
    ) -> fdo::Result<()> {
        self.devices.clone().add_advertisement(sender(&header)?, advertisement).await?;
        self.active.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn unregister_advertisement(
        &self,
        _advertisement: ObjectPath<'_>,
        #[zbus(header)] header: Header<'_>,
    ) -> fdo::Result<()> {
        self.devices.remove(&sender(&header)?).await;
        Ok(())
    }
}

/// Centrals register an agent for pairing, which nobody asks for anything.
struct AgentManager;

#[interface(name = "org.bluez.AgentManager1")]
impl AgentManager {
    fn register_agent(&self, _agent: ObjectPath<'_>, _capability: &str) {}

    fn unregister_agent(&self, _agent: ObjectPath<'_>) {}

    fn request_default_agent(&self, _agent: ObjectPath<'_>) {}
}
