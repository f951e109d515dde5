//! IAM: users, keys, policies, groups, roles.

pub(super) mod groups;
pub(super) mod keys;
pub(super) mod policies;
pub(super) mod roles;
pub(super) mod users;

use std::collections::BTreeMap;

use super::errors::Error;
use super::request::Params;
use super::xml::Xml;

/// A name of the parameters, checked.
fn name<'a>(params: &'a Params, field: &str, max: usize) -> Result<&'a str, Error> {
    let name = params.required(field)?;
    let is_fine = |char: char| char.is_ascii_alphanumeric() || "_+=,.@-".contains(char);
    if !name.chars().all(is_fine) {
        return Err(Error::validation(format!(
            "The specified value for {} is invalid. It must contain only alphanumeric characters \
             and/or the following: +=,.@_-",
            camel(field)
        )));
    }
    if name.len() > max {
        let rule = format!("Member must have length less than or equal to {max}");
        return Err(Error::constraint(field, name, &rule));
    }
    Ok(name)
}

fn path(params: &Params) -> Result<String, Error> {
    let path = params.get("Path").unwrap_or("/");
    let is_fine = path.starts_with('/')
        && path.ends_with('/')
        && path.len() <= 512
        && path.chars().all(|char| char.is_ascii_graphic());
    if is_fine {
        return Ok(path.to_owned());
    }
    Err(Error::validation(
        "The specified value for path is invalid. It must begin and end with / and contain only \
         alphanumeric characters and/or / characters.",
    ))
}

fn camel(field: &str) -> String {
    let (first, rest) = field.split_at(field.len().min(1));
    format!("{}{rest}", first.to_ascii_lowercase())
}

/// Adds the call's tags to others; at most fifty in all.
fn add_tags(tags: &mut BTreeMap<String, String>, params: &Params) -> Result<(), Error> {
    let new = params.tags();
    if let Some((key, _)) = new.iter().find(|(key, _)| key.len() > 128) {
        let rule = "Member must have length less than or equal to 128";
        return Err(Error::constraint("Tags.1.member.key", key, rule));
    }
    let added = new
        .iter()
        .filter(|(key, _)| !tags.contains_key(key))
        .count();
    if tags.len() + added > 50 {
        return Err(Error::limit(
            "The number of tags has reached the maximum limit.",
        ));
    }
    tags.extend(new);
    Ok(())
}

fn boundary_xml(xml: Xml, arn: Option<&String>) -> Xml {
    let Some(arn) = arn else {
        return xml;
    };
    xml.node("PermissionsBoundary", |xml| {
        xml.text("PermissionsBoundaryType", "Policy")
            .text("PermissionsBoundaryArn", arn)
    })
}

fn tags_xml(xml: Xml, tags: &BTreeMap<String, String>) -> Xml {
    if tags.is_empty() {
        return xml;
    }
    xml.list("Tags", tags, |xml, (key, value)| {
        xml.text("Key", key).text("Value", value)
    })
}
