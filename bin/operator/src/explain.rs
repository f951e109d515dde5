//! `leasehold explain`: what the operator would do, told without doing it.

mod assume;
mod manifests;

use std::io::{Read, Write};
use std::path::Path;

use leasehold_api_types::{AWSRole, Condition, SecretEngine, aws_access_key_request::APPROVED};
use leasehold_reconcile_core::{Settings, Timestamp};

use self::assume::Assumed;
use self::manifests::{Manifest, Object};
use crate::args::ExplainArgs;
use crate::output::print;

/// Explains the manifests of those files.
pub fn run(args: &ExplainArgs, input: &mut dyn Read, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut manifests = Vec::new();
    for file in &args.filename {
        let (name, text) = manifests::read(file, input)?;
        manifests.extend(manifests::parse(&name, &text)?);
    }
    let settings = Settings {
        cluster: args.cluster_name.clone(),
        ..Settings::default()
    };
    // Whole seconds read better.
    let now = Timestamp::from_second(Timestamp::now().as_second())?;
    let text = explain(manifests, args.approved, &settings, now);
    print(out, &text)
}

/// The stories of all manifests, in their order. Roles and engines among them are what requests
/// and roles rest on.
fn explain(
    mut manifests: Vec<Manifest>,
    approved: bool,
    settings: &Settings,
    now: Timestamp,
) -> String {
    if approved {
        manifests.iter_mut().for_each(approve);
    }
    let assumed = Assumed::of(&manifests, settings, now);
    let stories = manifests.iter().map(|manifest| story(manifest, &assumed));
    stories.collect::<Vec<String>>().join("\n")
}

fn story(manifest: &Manifest, assumed: &Assumed<'_>) -> String {
    let (heading, story) = match &manifest.object {
        Object::Engine(engine) => (heading(&**engine), assumed.engine(engine)),
        Object::Role(role) => (heading(&**role), assumed.role(role)),
        Object::Request(request) => (heading(&**request), assumed.request(request)),
        Object::Other(kind) => {
            return format!("# {}: {kind} is passed over\n", manifest.place);
        }
    };
    let lines = story.lines().map(|line| format!("  {line}\n"));
    format!(
        "# {}\n{heading}\n{}",
        manifest.place,
        lines.collect::<String>()
    )
}

fn heading<K: kube::Resource<DynamicType = ()>>(object: &K) -> String {
    let meta = object.meta();
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    let name = meta.name.as_deref().unwrap_or_default();
    format!("{} {namespace}/{name}:", K::kind(&()))
}

/// What `kubectl vault approve` adds.
fn approve(manifest: &mut Manifest) {
    if let Object::Request(request) = &mut manifest.object {
        let observed_generation = request.metadata.generation;
        let conditions = &mut request.status.get_or_insert_default().conditions;
        conditions.retain(|c| c.type_ != APPROVED);
        conditions.push(Condition {
            type_: APPROVED.into(),
            status: Some("True".into()),
            observed_generation,
            ..Condition::default()
        });
    }
}

/// Roles and engines of manifests, for those that need them.
fn engines(manifests: &[Manifest]) -> impl Iterator<Item = &SecretEngine> {
    manifests.iter().filter_map(|m| match &m.object {
        Object::Engine(engine) => Some(&**engine),
        _ => None,
    })
}

fn roles(manifests: &[Manifest]) -> impl Iterator<Item = &AWSRole> {
    manifests.iter().filter_map(|m| match &m.object {
        Object::Role(role) => Some(&**role),
        _ => None,
    })
}

/// A file's name as people gave it.
fn shown(file: &Path) -> String {
    if file.as_os_str() == "-" {
        return "standard input".into();
    }
    file.display().to_string()
}

#[cfg(test)]
mod tests;
