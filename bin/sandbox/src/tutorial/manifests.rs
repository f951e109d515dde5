//! The manifests that are applied: files of this repository, so that everybody can apply them too.

/// A manifest's place in the repository, and its text.
pub type Manifest = (&'static str, &'static str);

macro_rules! manifest {
    ($path:literal) => {
        ($path, include_str!(concat!("../../../../", $path)))
    };
}

/// Of a seed or of the tutorial.
pub const ENGINE: Manifest = manifest!("examples/seeds/000-secretengine.yaml");
/// Of a seed or of the tutorial.
pub const ROLE: Manifest = manifest!("examples/seeds/000-awsrole.yaml");
/// Of a seed or of the tutorial.
pub const REQUEST: Manifest = manifest!("examples/seeds/000-awsaccesskeyrequest.yaml");
/// Of a seed or of the tutorial.
pub const ANOTHER_REQUEST: Manifest = manifest!("examples/seeds/001-awsaccesskeyrequest.yaml");
/// Of a seed or of the tutorial.
pub const SESSION: Manifest = manifest!("examples/tutorial/001-session.yaml");
/// Of a seed or of the tutorial.
pub const DEPLOY: Manifest = manifest!("examples/tutorial/002-deploy.yaml");
/// Of a seed or of the tutorial.
pub const EVERYTHING: Manifest = manifest!("examples/tutorial/004-everything.yaml");
