//! A fake of BlueZ's D-Bus service, on a bus of its own: a peripheral that registers at one side is a device in reach at the
//! other. So a simulated meter's Bluetooth can be tried with a real central (a browser, a library) and without a radio.
//!
//! What it does as BlueZ does: a notification is cut to the packets of the connection, a long write or read arrives whole, a
//! device is connected before it is explored, and it is out of reach when its process is gone. Pairing, and what a
//! connection has to do with a radio, are not there.

pub use bus::Bus;

mod adapter;
mod air;
mod bus;
mod device;
mod gatt;

use crate::line::Cut;
use air::Air;
use device::Devices;
use std::io;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use zbus::connection;
use zbus::fdo::ObjectManager;

/// The shortest packets that a connection can have (ATT_MTU), in bytes: notifications have 20 bytes then.
pub const SHORTEST_MTU: u16 = 23;
/// What most phones agree on.
pub const USUAL_MTU: u16 = 247;

/// Environment variable that names the bus, for peripherals and centrals alike.
pub const BUS_VARIABLE: &str = "DBUS_SYSTEM_BUS_ADDRESS";

/// A bus with a fake of BlueZ on it. Dropping it ends both.
#[derive(Debug)]
pub struct FakeBluez {
    bus: Bus,
    air: Arc<Air>,
    orders: Option<UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

/// What a test asks for.
#[derive(Debug)]
enum Order {
    /// All connections break.
    LoseLinks(mpsc::Sender<()>),
}

impl FakeBluez {
    /// Starts one whose connections have packets of `mtu` bytes. Needs the program `dbus-daemon`.
    ///
    /// # Errors
    /// When there is none, or the bus does not let it play BlueZ.
    pub fn start(mtu: u16) -> io::Result<Self> {
        let bus = Bus::start()?;
        let (orders, mut receiver) = unbounded_channel();
        let (started, ready) = mpsc::channel();
        let address = bus.address.clone();
        let air = Arc::new(Air::new(mtu));
        let shared = air.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let devices = match serve(&address, shared).await {
                    Ok(devices) => devices,
                    // Whoever started this reads what is sent here.
                    Err(error) => return drop(started.send(Err(io::Error::other(error)))),
                };
                let _ = started.send(Ok(()));
                while let Some(Order::LoseLinks(done)) = receiver.recv().await {
                    devices.lose_links().await;
                    let _ = done.send(());
                }
            });
        });
        ready.recv().map_err(|_| io::Error::other("the fake of BlueZ ended"))??;
        Ok(Self { bus, air, orders: Some(orders), thread: Some(thread) })
    }

    /// The bus's address, to be the value of [`BUS_VARIABLE`] for whoever is to use it.
    pub fn address(&self) -> &str {
        &self.bus.address
    }

    /// Breaks all connections, as a radio does; the devices stay in reach. Returns when that is done.
    pub fn lose_links(&self) {
        let (done, waiting) = mpsc::channel();
        if let Some(orders) = &self.orders
            && orders.send(Order::LoseLinks(done)).is_ok()
        {
            // Without an answer the thread has ended, and with it all connections.
            let _ = waiting.recv();
        }
    }

    /// Breaks the connection in which a central writes something for the `nth` time from now on (from 0): before or after the
    /// peripheral has it. The central does not learn which.
    pub fn lose_link_at_write(&self, nth: usize, how: Cut) {
        self.air.lose_at(nth, how);
    }

    /// Takes that back; gives whether it was still to come.
    pub fn keep_links(&self) -> bool {
        self.air.forget_loss()
    }
}

impl Drop for FakeBluez {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed.
            let _ = thread.join();
        }
    }
}

async fn serve(address: &str, air: Arc<Air>) -> zbus::Result<Arc<Devices>> {
    let connection = connection::Builder::address(address)?.build().await?;
    let devices = Arc::new(Devices::new(connection.clone(), air));
    let server = connection.object_server();
    server.at("/", ObjectManager).await?;
    adapter::serve(server, &devices).await?;
    // Last: whoever waits for the name finds everything there.
    connection.request_name("org.bluez").await?;
    Ok(devices)
}
