//! Log lines, on stderr; panics among them.

use std::panic::PanicHookInfo;

use anyhow::Context as _;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt as _, FilterFn, Targets, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::args::LogFormat;

/// What is logged by default.
pub const DEFAULT_FILTER: &str = "info,kube_client=warn,kube_runtime=warn,hyper=warn,reqwest=warn";

/// Modules whose lines below an error may hold whole bodies, and so secrets: no filter lets them
/// through.
const MAY_HOLD_BODIES: [&str; 3] = ["kube_client::client", "rustify", "vaultrs"];

/// Logs from now on, panics included.
pub fn init(format: LogFormat, filter: &str) -> anyhow::Result<()> {
    let filter = parse(filter)?.and(without_bodies());
    // A stderr that went away must not make logging panic, which it does when it complains of that.
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .log_internal_errors(false);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init()
        .context("logging is set up already")?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// A filter as `--log` takes it; nothing is the default.
pub fn parse(filter: &str) -> anyhow::Result<Targets> {
    let filter = if filter.is_empty() {
        DEFAULT_FILTER
    } else {
        filter
    };
    filter.parse::<Targets>().with_context(|| {
        format!("--log {filter}: write a level (error, warn, info, debug, trace), or levels by module as in info,leasehold_controller=debug")
    })
}

fn without_bodies() -> FilterFn {
    filter_fn(shown)
}

fn shown(metadata: &Metadata<'_>) -> bool {
    let may_hold = MAY_HOLD_BODIES
        .iter()
        .any(|module| metadata.target().starts_with(module));
    !may_hold || *metadata.level() == Level::ERROR
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let message = payload.downcast_ref::<&str>().copied();
    let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = message.unwrap_or("no message");
    let location = panic
        .location()
        .map(ToString::to_string)
        .unwrap_or_default();
    tracing::error!(location, message, "panic: a bug; please report it");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex, PoisonError};
    use tracing_subscriber::fmt::MakeWriter;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;
        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn no_filter_shows_lines_with_bodies() {
        let lines = Lines::default();
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(lines.clone())
            .with_filter(
                parse("trace,kube_client::client=trace")
                    .unwrap()
                    .and(without_bodies()),
            );
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::warn!(target: "kube_client::client", "sesame");
            tracing::warn!(target: "kube_client::client::builder", "sesame");
            tracing::error!(target: "kube_client::client", "no answer");
            tracing::trace!(target: "leasehold_controller", "a step");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("sesame"), "{text}");
        assert!(
            text.contains("no answer") && text.contains("a step"),
            "{text}"
        );
    }

    #[test]
    fn the_default_is_a_filter_and_nonsense_is_refused_with_an_example() {
        parse(DEFAULT_FILTER).unwrap();
        let error = parse("loud=please").unwrap_err();
        assert!(
            error.to_string().contains("leasehold_controller=debug"),
            "{error}"
        );
    }
}
