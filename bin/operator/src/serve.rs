//! Health and metrics, over plain HTTP: nothing secret is in them.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use leasehold_controller::metrics::Metrics;
use prometheus_client::metrics::{gauge::Gauge, info::Info};
use prometheus_client::registry::{Registry, Unit};
use tokio::sync::watch;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is told of this process.
#[derive(Debug)]
pub struct Health {
    registry: Registry,
    /// How many caches are filled.
    filled: watch::Receiver<usize>,
    /// How many there are.
    caches: usize,
    filled_gauge: Gauge,
}

impl Health {
    /// Ready once `filled` reaches `caches`.
    pub fn new(metrics: &Metrics, filled: watch::Receiver<usize>, caches: usize) -> Self {
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let started = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        registry.register_with_unit(
            "process_start_time",
            "When this process started, in seconds since 1970",
            Unit::Seconds,
            prometheus_client::metrics::gauge::ConstGauge::new(started.as_secs_f64()),
        );
        registry.register(
            "leasehold_build",
            "Which program this is",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        let filled_gauge = Gauge::default();
        registry.register(
            "leasehold_caches_filled",
            "Caches that are filled; work begins when all are",
            filled_gauge.clone(),
        );
        Self {
            registry,
            filled,
            caches,
            filled_gauge,
        }
    }

    fn filled(&self) -> usize {
        *self.filled.borrow()
    }
}

/// `/healthz`, `/readyz` and `/metrics`.
pub fn router(health: Arc<Health>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(health)
}

async fn readyz(State(health): State<Arc<Health>>) -> (StatusCode, String) {
    let (filled, caches) = (health.filled(), health.caches);
    if filled >= caches {
        return (StatusCode::OK, "ok\n".into());
    }
    let words = format!("{filled} of {caches} caches are filled\n");
    (StatusCode::SERVICE_UNAVAILABLE, words)
}

async fn metrics(State(health): State<Arc<Health>>) -> Response {
    health
        .filled_gauge
        .set(i64::try_from(health.filled()).unwrap_or(i64::MAX));
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &health.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    async fn ask(health: &Arc<Health>, path: &str) -> (StatusCode, String, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = router(Arc::clone(health)).oneshot(request).await.unwrap();
        let status = answer.status();
        let kind = answer.headers().get(header::CONTENT_TYPE).cloned();
        let kind = kind
            .map(|v| v.to_str().unwrap().to_owned())
            .unwrap_or_default();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, kind, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn ready_when_all_caches_are_filled_alive_before() {
        let (filled, seen) = watch::channel(0);
        let health = Arc::new(Health::new(&Metrics::default(), seen, 7));
        assert_eq!(ask(&health, "/healthz").await.0, StatusCode::OK);
        filled.send_replace(6);
        let (status, _, words) = ask(&health, "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(words, "6 of 7 caches are filled\n");
        filled.send_replace(7);
        assert_eq!(ask(&health, "/readyz").await.0, StatusCode::OK);
        assert_eq!(ask(&health, "/secrets").await.0, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn metrics_are_openmetrics() {
        let (_filled, seen) = watch::channel(3);
        let metrics = Metrics::default();
        metrics.panics.inc();
        let health = Arc::new(Health::new(&metrics, seen, 7));
        let (status, kind, text) = ask(&health, "/metrics").await;
        assert_eq!((status, kind.as_str()), (StatusCode::OK, OPENMETRICS));
        for line in [
            "leasehold_panics_total 1\n",
            "leasehold_caches_filled 3\n",
            concat!(
                "leasehold_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"} 1\n"
            ),
            "process_start_time_seconds ",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
