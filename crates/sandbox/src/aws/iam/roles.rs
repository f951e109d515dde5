//! Roles.

use std::collections::BTreeMap;

use super::super::account::{Account, Policies, Role};
use super::super::actions::{Action, Answer, Call, On};
use super::super::errors::Error;
use super::super::policy::{Document, Grammar};
use super::super::request::encode;
use super::super::xml::Xml;
use super::{add_tags, boundary_xml, name, path, tags_xml, users};

pub(in super::super) const ACTIONS: &[Action] = &[
    Action::iam("CreateRole", On::Role, create),
    Action::iam("GetRole", On::Role, get),
    Action::iam("ListRoles", On::Roles, list),
    Action::iam("DeleteRole", On::Role, delete),
    Action::iam("UpdateAssumeRolePolicy", On::Role, update_trust),
];

fn xml_of(xml: Xml, account: &Account, role: &Role) -> Xml {
    xml.text("Path", &role.path)
        .text("RoleName", &role.name)
        .text("RoleId", &role.id)
        .text("Arn", account.role_arn(role))
        .time("CreateDate", role.created)
        .text("AssumeRolePolicyDocument", encode(&role.trust.text))
        .maybe("Description", role.description.as_ref())
        .text("MaxSessionDuration", role.max_session_duration)
}

/// With what lists leave out.
fn whole_xml(xml: Xml, account: &Account, role: &Role) -> Xml {
    let xml = xml_of(xml, account, role);
    tags_xml(boundary_xml(xml, role.boundary.as_ref()), &role.tags)
}

fn trust(call: &Call<'_>, field: &str) -> Result<Document, Error> {
    let document = Document::parse(call.params.required(field)?, Grammar::Trust)?;
    if document.size() > 2048 {
        return Err(Error::quota("ACLSizePerRole", 2048));
    }
    Ok(document)
}

fn create(account: &mut Account, call: &Call<'_>) -> Answer {
    let name = name(call.params, "RoleName", 64)?;
    let key = name.to_lowercase();
    if account.roles.contains_key(&key) {
        let message = format!("Role with name {name} already exists.");
        return Err(Error::exists(message));
    }
    let mut tags = BTreeMap::new();
    add_tags(&mut tags, call.params)?;
    let role = Role {
        name: name.to_owned(),
        path: path(call.params)?,
        id: account.ids.entity("AROA"),
        created: call.now,
        description: call.params.get("Description").map(str::to_owned),
        trust: trust(call, "AssumeRolePolicyDocument")?,
        max_session_duration: call.params.number_within(
            "MaxSessionDuration",
            3600,
            43_200,
            3600,
        )?,
        boundary: users::boundary(account, call)?,
        tags,
        own: Policies::default(),
    };
    let xml = Xml::new().node("Role", |xml| whole_xml(xml, account, &role));
    account.roles.insert(key, role);
    Ok(Some(xml))
}

fn get(account: &mut Account, call: &Call<'_>) -> Answer {
    let role = account.role(call.params.required("RoleName")?)?;
    Ok(Some(Xml::new().node("Role", |xml| {
        // When it was last used, nobody keeps here.
        whole_xml(xml, account, role).text("RoleLastUsed", "")
    })))
}

fn list(account: &mut Account, call: &Call<'_>) -> Answer {
    let prefix = call.params.get("PathPrefix").unwrap_or("/");
    let roles = account
        .roles
        .iter()
        .filter(|(_, role)| role.path.starts_with(prefix))
        .map(|(key, role)| (key.as_str(), role));
    let (page, next) = call.params.page(roles)?;
    let xml = Xml::new().list("Roles", page, |xml, role| xml_of(xml, account, role));
    Ok(Some(xml.page_end(next)))
}

fn delete(account: &mut Account, call: &Call<'_>) -> Answer {
    let role = account.role(call.params.required("RoleName")?)?;
    let left = [
        (!role.own.attached.is_empty(), "detach all policies"),
        (!role.own.inline.is_empty(), "delete policies"),
    ];
    if let Some((_, what)) = left.iter().find(|(is_left, _)| *is_left) {
        return Err(Error::conflict(what));
    }
    let key = role.name.to_lowercase();
    account.roles.remove(&key);
    Ok(None)
}

fn update_trust(account: &mut Account, call: &Call<'_>) -> Answer {
    let name = call.params.required("RoleName")?;
    account.role(name)?;
    let trust = trust(call, "PolicyDocument")?;
    if let Some(role) = account.roles.get_mut(&name.to_lowercase()) {
        role.trust = trust;
    }
    Ok(None)
}
