//! What the operator's listener shows, and the public one does not.

use crate::setting::Setting;

pub fn get(url: &str) -> (u16, String) {
    let http = coinless_station::net::http_client(std::time::Duration::from_secs(60)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let answer = http.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    })
}

#[test]
fn metrics_have_a_listener_of_their_own() {
    let story = Setting::with_station(&["--metrics", "127.0.0.1:0"]);
    let order = story.buy("phone", "50.00");
    let (status, text) = get(story.station.listening["metrics"].as_str().unwrap());
    assert_eq!(status, 200);
    assert!(text.contains("coinless_lines{state=\"issued\"} 1") && !text.contains(&order), "{text}");
    let public = story.station.address();
    assert_eq!(get(&format!("{public}/metrics")).0, 404);
    assert_eq!(get(&format!("{public}/ready")), (200, "ready\n".to_owned()));
}

#[test]
fn no_metrics_without_the_option() {
    assert!(Setting::new().station.listening["metrics"].is_null());
}
