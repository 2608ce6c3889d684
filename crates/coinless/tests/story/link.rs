//! A link that loses one datagram of a delivery, each in turn.

use crate::setting::{GAS_LABEL, Setting};
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Forwards datagrams between one phone and a meter, except for one. Ends when the test does.
struct Proxy {
    address: String,
    passed: Arc<AtomicUsize>,
}

impl Proxy {
    /// A proxy before `link` that loses the datagram with the number `lost` (from 0, both directions).
    fn new(link: &str, lost: usize) -> Self {
        let front = UdpSocket::bind("127.0.0.1:0").unwrap();
        let back = UdpSocket::bind("127.0.0.1:0").unwrap();
        back.connect(link.strip_prefix("coap://").unwrap()).unwrap();
        let passed = Arc::new(AtomicUsize::new(0));
        let address = front.local_addr().unwrap().to_string();
        let count = passed.clone();
        let keep = move || count.fetch_add(1, Ordering::SeqCst) != lost;
        thread::spawn(move || forward(&front, &back, keep));
        Self { address, passed }
    }
}

fn forward(front: &UdpSocket, back: &UdpSocket, keep: impl Fn() -> bool) {
    for socket in [front, back] {
        socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    }
    let mut phone = None;
    let mut buffer = [0; 2048];
    loop {
        if let Ok((len, from)) = front.recv_from(&mut buffer) {
            phone = Some(from);
            if keep() {
                // The meter may be gone at the end of the test.
                let _ = back.send(&buffer[..len]);
            }
        }
        if let (Ok(len), Some(phone)) = (back.recv(&mut buffer), phone)
            && keep()
        {
            let _ = front.send_to(&buffer[..len], phone);
        }
    }
}

#[test]
fn each_datagram_lost_in_turn() {
    let mut story = Setting::new();
    let mut total = 0;
    let mut longest = 0;
    for lost in 0.. {
        let order = story.buy("phone", "5.00");
        total += story.units(&order);
        let proxy = Proxy::new(&story.meter.address(), lost);
        let delivered = story.desk.phone("phone", "deliver", &[&format!("coap://{}", proxy.address)]).unwrap();
        assert!(delivered.iter().any(|result| result["result"] == "applied"), "datagram {lost}: {delivered:?}");
        assert_eq!(story.display()["total_units"], total, "datagram {lost}");
        story.sync("phone");
        assert_eq!(story.line_state(&order), "delivered", "{GAS_LABEL}");
        let passed = proxy.passed.load(Ordering::SeqCst);
        longest = longest.max(passed);
        if passed <= lost {
            break;
        }
    }
    assert!(longest > 6, "identity, its answer, token, acknowledgement, receipt, acknowledgement, and a repeat");
}
