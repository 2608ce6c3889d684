//! A meter at a WebSocket: the whole story, an outside peer's view, and a meter that dies.

use crate::setting::{GAS, GAS_LABEL, Setting, complaint, results};
use coinless_sim::failpoint;
use futures_util::{SinkExt, StreamExt};
use std::future::Future;
use std::os::unix::process::ExitStatusExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// What both ends send first.
const CSM: &[u8] = &[0x00, 0xe1, 0x22, 0x01, 0x3e];

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

/// Opens a connection as a browser does: with an origin, at `path`, offering `protocol`.
async fn open(link: &str, path: &str, protocol: &str) -> Result<WebSocketStream<TcpStream>, Error> {
    let tcp = TcpStream::connect(link.strip_prefix("ws://").unwrap()).await.unwrap();
    let mut request = format!("{link}{path}").into_client_request().unwrap();
    request.headers_mut().insert("Origin", "https://pay.example".parse().unwrap());
    request.headers_mut().insert("Sec-WebSocket-Protocol", protocol.parse().unwrap());
    Ok(client_async(request, tcp).await?.0)
}

async fn browser(link: &str) -> WebSocketStream<TcpStream> {
    let mut stream = open(link, "/.well-known/coap", "coap").await.unwrap();
    assert_eq!(next(&mut stream).await.as_deref(), Some(CSM), "the meter's first message");
    stream
}

/// The next binary message; none when the meter has closed the connection.
async fn next(stream: &mut WebSocketStream<TcpStream>) -> Option<Vec<u8>> {
    match stream.next().await.transpose().unwrap() {
        Some(Message::Binary(bytes)) => Some(bytes.to_vec()),
        None | Some(Message::Close(_)) => None,
        other => panic!("{other:?}"),
    }
}

async fn say(stream: &mut WebSocketStream<TcpStream>, bytes: &[u8]) {
    stream.send(Message::binary(bytes.to_vec())).await.unwrap();
}

#[test]
fn bought_at_the_meter_and_loaded_over_a_websocket() {
    let mut story = Setting::websocket();
    let link = story.meter.address();
    assert!(link.starts_with("ws://127.0.0.1:"), "{link}");
    story.buys_at_the_meter_and_loads();
}

#[test]
fn what_a_peer_of_another_make_sees() {
    let story = Setting::websocket();
    let link = story.meter.address();
    run(async {
        for (path, protocol) in [("/", "coap"), ("/.well-known/coap", "mqtt, coap2")] {
            let refused = open(&link, path, protocol).await.map(|_| ());
            assert!(matches!(refused, Err(Error::Http(_))), "{path} {protocol}: {refused:?}");
        }
        let (mut one, mut two) = (browser(&link).await, browser(&link).await);
        for stream in [&mut one, &mut two] {
            say(stream, CSM).await;
            // The same token on both: it is the connection's own.
            say(stream, b"\x01\x01\x53\xb5meter").await;
        }
        for stream in [&mut two, &mut one] {
            let answer = next(stream).await.unwrap();
            assert_eq!(answer[..5], [0x01, 0x45, 0x53, 0xc1, 60], "{answer:x?}");
            say(stream, &[0x01, 0xe2, 0x42]).await;
            assert_eq!(next(stream).await.unwrap(), [0x01, 0xe3, 0x42], "ping and pong");
        }
        say(&mut one, b"\x00\x01\x91!").await;
        assert_eq!(next(&mut one).await.unwrap(), [0x00, 0x82], "a critical option that nobody knows");
        say(&mut one, b"\x01\x01\x54\xb5meter").await;
        say(&mut one, &[0x00, 0xe4]).await;
        assert_eq!(next(&mut one).await.unwrap()[..3], [0x01, 0x45, 0x54], "answered before it is released");
        assert_eq!(next(&mut one).await, None);
        say(&mut two, &[0x70]).await;
        assert_eq!(next(&mut two).await.unwrap(), b"\x00\xe5\xffmessage format error");
        assert_eq!(next(&mut two).await, None);
        let mut text = browser(&link).await;
        text.send(Message::text("GET /meter")).await.unwrap();
        assert_eq!(next(&mut text).await, None, "text is no CoAP");
        let mut long = browser(&link).await;
        say(&mut long, &[0; 2000]).await;
        assert!(long.next().await.is_none_or(|message| !matches!(message, Ok(Message::Binary(_)))));
    });
    assert_eq!(story.desk.phone("phone", "scan", &[&link]).unwrap()[0]["label"], GAS_LABEL, "and it serves on");
}

#[test]
fn more_connections_than_it_has_places_for() {
    let story = Setting::websocket();
    let link = story.meter.address();
    run(async {
        let mut held = Vec::new();
        let refused = loop {
            match open(&link, "/.well-known/coap", "coap").await {
                Ok(stream) => held.push(stream),
                Err(error) => break error,
            }
        };
        assert_eq!(held.len(), 32, "{refused}");
        say(&mut held[0], &[0x00, 0xe5]).await;
        while held[0].next().await.is_some_and(|message| message.is_ok()) {}
        // The place is given back when the meter has seen to it.
        while open(&link, "/.well-known/coap", "coap").await.is_err() {}
    });
}

#[test]
fn what_is_no_websocket_with_a_meter() {
    let story = Setting::websocket();
    let scan = |link: &str| complaint(story.desk.phone("phone", "scan", &[link]));
    for (link, says) in [
        ("ws://", "write ws://HOST:PORT"),
        ("ws://127.0.0.1:1", "nobody listens there"),
        (&story.station.address().replace("http:", "ws:"), "HTTP error: 404 Not Found"),
    ] {
        let message = scan(link);
        assert!(message.contains(says), "{link}: {message}");
    }
}

/// `kill -9` of the meter at every point of a delivery, and a restart.
#[test]
fn the_meter_dies_in_the_middle_of_a_delivery() {
    let mut story = Setting::websocket();
    let mut total = 0;
    for point in failpoint::METER {
        let mut dying = story.desk.ws_meter_command(GAS);
        dying.env(failpoint::VARIABLE, point);
        story.restart_meter(dying);
        let order = story.buy("phone", "5.00");
        total += story.units(&order);
        let message = complaint(story.desk.phone("phone", "deliver", &[&story.meter.address()]));
        assert!(message.contains("nothing is lost, do the same again"), "{point}: {message}");
        assert_eq!(story.meter.wait().unwrap().signal(), Some(9), "{point}");
        story.meter = story.desk.start(story.desk.ws_meter_command(GAS)).unwrap();
        let delivered = results(story.desk.phone("phone", "deliver", &[&story.meter.address()]));
        assert_eq!(story.display()["total_units"], total, "{point}: {delivered:?}");
        story.sync("phone");
        assert_eq!(story.line_state(&order), "delivered", "{point}");
    }
}
