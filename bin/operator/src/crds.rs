//! `leasehold crds`: the definitions, byte for byte those in `crds/`.

use std::fs;
use std::io::Write;

use anyhow::Context as _;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use leasehold_api_types::crds;

use crate::args::CrdsArgs;
use crate::output::print;

const HEADER: &str = "\
# Generated from crates/api-types; do not edit.
# After a change of the types: UPDATE=1 cargo test -p leasehold-api-types
";

/// Prints or writes them.
pub fn run(args: &CrdsArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let files = files()?;
    let Some(directory) = &args.output_dir else {
        let texts: Vec<String> = files.into_iter().map(|(_, text)| text).collect();
        return print(out, &texts.join("---\n"));
    };
    fs::create_dir_all(directory)
        .with_context(|| format!("--output-dir {}", directory.display()))?;
    for (name, text) in files {
        let path = directory.join(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// Names of files, and what is in them.
pub fn files() -> anyhow::Result<Vec<(String, String)>> {
    let file = |definition: CustomResourceDefinition| {
        // By way of a JSON value: keys in order.
        let value = serde_json::to_value(&definition)?;
        let yaml = serde_saphyr::to_string(&value)?;
        let name = &definition.spec.names.plural;
        Ok((
            format!("{}_{name}.yaml", definition.spec.group),
            format!("{HEADER}{yaml}"),
        ))
    };
    crds::all().into_iter().map(file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn they_are_the_files_in_crds() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crds");
        let files = files().unwrap();
        assert_eq!(files.len(), fs::read_dir(&folder).unwrap().count());
        for (name, text) in &files {
            assert_eq!(
                *text,
                fs::read_to_string(folder.join(name)).unwrap(),
                "{name}"
            );
        }
        let mut out = Vec::new();
        run(&CrdsArgs { output_dir: None }, &mut out).unwrap();
        let texts: Vec<&str> = files.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(String::from_utf8(out).unwrap(), texts.join("---\n"));
    }

    #[test]
    fn a_folder_is_made_and_filled() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("a/b");
        run(
            &CrdsArgs {
                output_dir: Some(folder.clone()),
            },
            &mut Vec::new(),
        )
        .unwrap();
        assert_eq!(fs::read_dir(folder).unwrap().count(), 4);
    }
}
