//! A meter's NFC tag, with a file as its memory: the whole story, what another phone leaves there, and another meter's tag.

use crate::setting::{GAS_LABEL, Setting, complaint};
use coinless_protocol::ndef::{Tag, Url};
use coinless_sim::meter::LOOK;
use std::time::{Duration, Instant};
use std::{fs, thread};

/// Long enough for a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn bought_at_the_meter_and_loaded_through_its_tag() {
    let mut story = Setting::ndef("tag");
    assert!(story.meter.address().starts_with("ndef:"), "{}", story.meter.address());
    story.buys_at_the_meter_and_loads();
    // What is on the tag at last is the meter's last answer, and its label as before.
    let bytes = fs::read(story.desk.path("tag")).unwrap();
    let tag = Tag::parse(&bytes).unwrap();
    assert!(tag.url.unwrap().to_string().ends_with(&format!("/m/{GAS_LABEL}")));
    assert_eq!(tag.message.unwrap()[1] >> 5, 2, "a response");
}

#[test]
fn what_is_left_on_a_tag_does_no_harm() {
    let mut story = Setting::ndef("tag");
    let before = story.display();
    let label = fs::read(story.desk.path("tag")).unwrap();
    let url = Tag::parse(&label).unwrap().url;
    // A request that nobody waits for is answered, and the answer lies there.
    let path = story.desk.path("tag");
    fs::write(&path, left(url, b"\x04\x01abcd\xb5meter")).unwrap();
    let until = Instant::now() + PATIENCE;
    while Tag::parse(&fs::read(&path).unwrap()).unwrap().message.is_none_or(|message| message[1] >> 5 != 2) {
        assert!(Instant::now() < until, "no answer");
        thread::sleep(LOOK);
    }
    // No NDEF, half a request.
    for bytes in [b"no tag".to_vec(), left(url, &[0x04]), Vec::new()] {
        fs::write(&path, &bytes).unwrap();
        assert_eq!(story.display()["total_units"], before["total_units"]);
    }
    // Without a label a phone does not know where it is, and writes nothing.
    let link = story.meter.address();
    let refused = story.desk.phone("phone", "scan", &[&link]);
    assert!(complaint(refused).contains("NDEF"));
    fs::write(&path, label).unwrap();
    assert_eq!(story.desk.phone("phone", "scan", &[&link]).unwrap()[0]["label"], GAS_LABEL);
    let missing = format!("ndef:{}", story.desk.path("nothing").display());
    assert!(complaint(story.desk.phone("phone", "scan", &[&missing])).contains("is no link"));
}

fn left(url: Option<Url<'_>>, message: &[u8]) -> Vec<u8> {
    Tag { url, message: Some(message) }.to_bytes().unwrap().to_vec()
}
