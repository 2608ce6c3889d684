//! A meter in Bluetooth's reach: CoAP over GATT (draft-ietf-core-coap-over-gatt-00, `docs/protocol.md`).

use super::{ANSWER_TIMEOUT_MS, bytes_of, navigator, not_chosen, refused, within};
use crate::browser::{object, random};
use coinless_phone::io::NoAnswer;
use coinless_protocol::coap::{
    Framing, GATT_DOWNSTREAM, GATT_SERVICE, GATT_UPSTREAM, ReliableClient, ReliableEvent, Request, Response,
};
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, DataView, Function, Uint8Array};
use wasm_bindgen::prelude::*;

/// How long a connection may take: some phones look for the meter again first.
const CONNECT_TIMEOUT_MS: u32 = 20_000;
/// A notification of fewer bytes is whole, however short the packets of this connection are.
const SURELY_WHOLE_BYTES: usize = 20;
/// How long to wait for a notification before looking.
const LOOK_AFTER_MS: u32 = 3_000;

const VALUE_CHANGED: &str = "characteristicvaluechanged";
const DISCONNECTED: &str = "gattserverdisconnected";

/// A meter that a person chose, connected when it is needed and again after the connection broke.
pub struct BluetoothLink {
    device: Device,
    connection: Option<Connection>,
}

/// What the browser says of a connection.
enum Heard {
    Value(Vec<u8>),
    Disconnected,
}

/// A connection. Dropping it ends it.
struct Connection {
    device: Device,
    downstream: Characteristic,
    upstream: Characteristic,
    heard: UnboundedReceiver<Heard>,
    on_value: Closure<dyn FnMut()>,
    on_disconnected: Closure<dyn FnMut()>,
}

#[wasm_bindgen]
extern "C" {
    #[derive(Clone)]
    type Device;
    #[wasm_bindgen(method, getter)]
    fn gatt(this: &Device) -> Server;
    #[wasm_bindgen(method, getter)]
    fn name(this: &Device) -> Option<String>;
    #[wasm_bindgen(method, js_name = addEventListener)]
    fn listen(this: &Device, event: &str, listener: &Function);
    #[wasm_bindgen(method, js_name = removeEventListener)]
    fn unlisten(this: &Device, event: &str, listener: &Function);

    type Server;
    #[wasm_bindgen(method, getter)]
    fn connected(this: &Server) -> bool;
    #[wasm_bindgen(method, catch)]
    async fn connect(this: &Server) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method)]
    fn disconnect(this: &Server);
    #[wasm_bindgen(method, catch, js_name = getPrimaryService)]
    async fn service(this: &Server, uuid: &str) -> Result<JsValue, JsValue>;

    type Service;
    #[wasm_bindgen(method, catch, js_name = getCharacteristic)]
    async fn characteristic(this: &Service, uuid: &str) -> Result<JsValue, JsValue>;

    #[derive(Clone)]
    type Characteristic;
    #[wasm_bindgen(method, getter)]
    fn value(this: &Characteristic) -> Option<DataView>;
    #[wasm_bindgen(method, catch, js_name = startNotifications)]
    async fn start_notifications(this: &Characteristic) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = writeValueWithResponse)]
    async fn write(this: &Characteristic, value: Uint8Array) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = readValue)]
    async fn read(this: &Characteristic) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, js_name = addEventListener)]
    fn listen(this: &Characteristic, event: &str, listener: &Function);
    #[wasm_bindgen(method, js_name = removeEventListener)]
    fn unlisten(this: &Characteristic, event: &str, listener: &Function);
}

impl BluetoothLink {
    /// See [`MeterLink::bluetooth`](super::MeterLink::bluetooth).
    pub async fn choose(names: &[String]) -> Result<Self, NoAnswer> {
        let services = JsValue::from(Array::of1(&GATT_SERVICE.into()));
        let by_name = |name: &String| object(&[("services", services.clone()), ("name", name.into())]);
        let filters: Array = names.iter().map(by_name).collect();
        if names.is_empty() {
            filters.push(&object(&[("services", services.clone())]));
        }
        let bluetooth = navigator().bluetooth().ok_or_else(|| NoAnswer("this browser has no Bluetooth".into()))?;
        let device =
            bluetooth.request_device(object(&[("filters", filters.into())]).into()).await.map_err(not_chosen)?;
        Ok(Self { device: device.unchecked_into(), connection: None })
    }

    /// The chosen meter's name, which is its number.
    pub fn name(&self) -> Option<String> {
        self.device.name()
    }

    /// One exchange.
    pub async fn exchange(&mut self, request: &Request<'_>) -> Result<Response, NoAnswer> {
        let (mut client, message) = ReliableClient::start(Framing::Gatt, random()?, request)
            .map_err(|error| NoAnswer(format!("not sent: {error}")))?;
        let open = self.connection.take().filter(|connection| connection.device.gatt().connected());
        let mut connection = match open {
            Some(connection) => connection,
            None => within(CONNECT_TIMEOUT_MS, Connection::open(&self.device)).await?,
        };
        let response = within(ANSWER_TIMEOUT_MS, connection.ask(&mut client, &message)).await?;
        self.connection = Some(connection);
        Ok(response)
    }
}

impl Connection {
    async fn open(device: &Device) -> Result<Self, NoAnswer> {
        // From here on a future that is dropped ends the connection that was under way.
        let mut attempt = Attempt(Some(device.clone()));
        let server = device.gatt();
        server.connect().await.map_err(refused)?;
        let service: Service = server.service(GATT_SERVICE).await.map_err(refused)?.unchecked_into();
        let downstream: Characteristic =
            service.characteristic(GATT_DOWNSTREAM).await.map_err(refused)?.unchecked_into();
        let upstream: Characteristic = service.characteristic(GATT_UPSTREAM).await.map_err(refused)?.unchecked_into();
        let (sender, heard) = unbounded();
        let on_value = {
            let (sender, upstream) = (sender.clone(), upstream.clone());
            Closure::new(move || tell(&sender, Heard::Value(upstream.value().map_or_else(Vec::new, |v| bytes_of(&v)))))
        };
        let on_disconnected = Closure::new(move || tell(&sender, Heard::Disconnected));
        upstream.listen(VALUE_CHANGED, on_value.as_ref().unchecked_ref());
        device.listen(DISCONNECTED, on_disconnected.as_ref().unchecked_ref());
        attempt.0 = None;
        let this = Self { device: device.clone(), downstream, upstream, heard, on_value, on_disconnected };
        this.upstream.start_notifications().await.map_err(refused)?;
        Ok(this)
    }

    async fn ask(&mut self, client: &mut ReliableClient, message: &[u8]) -> Result<Response, NoAnswer> {
        while self.heard.try_recv().is_ok() {}
        self.downstream.write(Uint8Array::from(message)).await.map_err(refused)?;
        loop {
            let value = match select(self.heard.next(), TimeoutFuture::new(LOOK_AFTER_MS)).await {
                Either::Left((Some(Heard::Value(value)), _)) if value.len() < SURELY_WHOLE_BYTES => value,
                Either::Left((Some(Heard::Value(_)), _)) | Either::Right(_) => self.read().await?,
                Either::Left((None | Some(Heard::Disconnected), _)) => {
                    return Err(NoAnswer("the connection to the meter was lost".into()));
                }
            };
            match client.receive(&value) {
                ReliableEvent::Response(response) => return Ok(response),
                ReliableEvent::Send(bytes) => {
                    self.downstream.write(Uint8Array::from(&*bytes)).await.map_err(refused)?;
                }
                ReliableEvent::Nothing | ReliableEvent::Aborted(_) => {}
            }
        }
    }

    /// The whole value. Reading is heard like a notification; what was heard meanwhile is read anew if it is another value.
    async fn read(&mut self) -> Result<Vec<u8>, NoAnswer> {
        loop {
            let value: DataView = self.upstream.read().await.map_err(refused)?.unchecked_into();
            let value = bytes_of(&value);
            let mut other = false;
            while let Ok(heard) = self.heard.try_recv() {
                match heard {
                    Heard::Value(heard) => other |= !value.starts_with(&heard),
                    Heard::Disconnected => return Err(NoAnswer("the connection to the meter was lost".into())),
                }
            }
            if !other {
                return Ok(value);
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.upstream.unlisten(VALUE_CHANGED, self.on_value.as_ref().unchecked_ref());
        self.device.unlisten(DISCONNECTED, self.on_disconnected.as_ref().unchecked_ref());
        self.device.gatt().disconnect();
    }
}

/// A connection under way. Dropping it gives it up.
struct Attempt(Option<Device>);

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(device) = &self.0 {
            device.gatt().disconnect();
        }
    }
}

fn tell(sender: &UnboundedSender<Heard>, heard: Heard) {
    // Nobody listens once the connection is dropped.
    let _ = sender.unbounded_send(heard);
}

/// Whether this browser has Bluetooth.
pub fn is_offered() -> bool {
    navigator().bluetooth().is_some()
}
