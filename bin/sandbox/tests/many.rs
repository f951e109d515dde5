//! What `make bench-sandbox` measures, with few requests: the counts bind everywhere.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "../examples/many/life.rs"]
mod life;

use life::{Life, live};

#[tokio::test]
async fn each_request_gets_one_key_and_nothing_is_left_of_it() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let Life {
        users_made,
        left,
        up_seconds,
        issue_seconds,
        end_seconds,
    } = live(50).await.unwrap();
    assert_eq!((users_made, left), (50, 0));
    let measured = [up_seconds, issue_seconds, end_seconds];
    assert!(measured.iter().all(|seconds| *seconds > 0.0));
}
