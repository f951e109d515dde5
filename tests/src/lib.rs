//! What the end-to-end tests stand on: real servers, started and stopped by the
//! tests themselves, and the helpers to talk to them.

pub mod bench;
pub mod differential;
pub mod in_process;
pub mod manifests;
pub mod proxy;
pub mod real;
pub mod servers;
pub mod stand;
pub mod world;

pub use in_process::SandboxStand;
pub use real::RealStand;
pub use stand::{Operator, OwnStand, Stand, Start, Wants};
pub use world::World;

/// Makes of each scenario two tests: `sandbox::…` on in-process servers and `real::…` on real ones.
/// A scenario is an `async fn NAME<S: OwnStand>() -> Result<()>` that starts its own stands.
#[macro_export]
macro_rules! on_both_stands {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {
        mod sandbox {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            $(#[$meta])*
            async fn $name() -> anyhow::Result<()> {
                super::$name::<$crate::SandboxStand>().await
            })+
        }
        mod real {
            $(#[tokio::test]
            $(#[$meta])*
            async fn $name() -> anyhow::Result<()> {
                super::$name::<$crate::RealStand>().await
            })+
        }
    };
}
