//! Users.

use std::collections::{BTreeMap, BTreeSet};

use super::super::account::{Account, Policies, User};
use super::super::actions::{Action, Answer, Call, On};
use super::super::errors::Error;
use super::super::xml::Xml;
use super::{add_tags, boundary_xml, name, path, tags_xml};

pub(in super::super) const ACTIONS: &[Action] = &[
    Action::iam("CreateUser", On::User, create),
    Action::iam("GetUser", On::User, get),
    Action::iam("ListUsers", On::Users, list),
    Action::iam("DeleteUser", On::User, delete),
    Action::iam("TagUser", On::User, tag),
    Action::iam("ListUserTags", On::User, list_tags),
    Action::iam("PutUserPermissionsBoundary", On::User, put_boundary),
];

fn xml_of(xml: Xml, account: &Account, user: &User) -> Xml {
    xml.text("Path", &user.path)
        .text("UserName", &user.name)
        .text("UserId", &user.id)
        .text("Arn", account.user_arn(user))
        .time("CreateDate", user.created)
}

fn whole_xml(xml: Xml, account: &Account, user: &User) -> Xml {
    let xml = xml_of(xml, account, user);
    tags_xml(boundary_xml(xml, user.boundary.as_ref()), &user.tags)
}

/// The boundary a call names: a policy there is.
pub(super) fn boundary(account: &Account, call: &Call<'_>) -> Result<Option<String>, Error> {
    let Some(arn) = call.params.get("PermissionsBoundary") else {
        return Ok(None);
    };
    if account.policies.contains_key(arn) {
        return Ok(Some(arn.to_owned()));
    }
    Err(Error::not_found(format!(
        "Scope ARN: {arn} does not exist or is not attachable."
    )))
}

fn create(account: &mut Account, call: &Call<'_>) -> Answer {
    let name = name(call.params, "UserName", 64)?;
    let key = name.to_lowercase();
    if account.users.contains_key(&key) {
        let message = format!("User with name {name} already exists.");
        return Err(Error::exists(message));
    }
    if account.users.len() >= account.max_users {
        return Err(Error::quota("UsersPerAccount", account.max_users));
    }
    let mut tags = BTreeMap::new();
    add_tags(&mut tags, call.params)?;
    let user = User {
        name: name.to_owned(),
        path: path(call.params)?,
        id: account.ids.entity("AIDA"),
        created: call.now,
        boundary: boundary(account, call)?,
        tags,
        keys: Vec::new(),
        groups: BTreeSet::new(),
        own: Policies::default(),
    };
    let xml = Xml::new().node("User", |xml| whole_xml(xml, account, &user));
    account.users.insert(key, user);
    Ok(Some(xml))
}

fn get(account: &mut Account, call: &Call<'_>) -> Answer {
    let user = account.user(call.user_name()?)?;
    Ok(Some(
        Xml::new().node("User", |xml| whole_xml(xml, account, user)),
    ))
}

fn list(account: &mut Account, call: &Call<'_>) -> Answer {
    let prefix = call.params.get("PathPrefix").unwrap_or("/");
    let users = account
        .users
        .iter()
        .filter(|(_, user)| user.path.starts_with(prefix))
        .map(|(key, user)| (key.as_str(), user));
    let (page, next) = call.params.page(users)?;
    let xml = Xml::new().list("Users", page, |xml, user| xml_of(xml, account, user));
    Ok(Some(xml.page_end(next)))
}

fn delete(account: &mut Account, call: &Call<'_>) -> Answer {
    let name = call.params.required("UserName")?;
    let user = account.user(name)?;
    let left = [
        (!user.keys.is_empty(), "delete access keys"),
        (!user.own.attached.is_empty(), "detach all policies"),
        (!user.own.inline.is_empty(), "delete policies"),
        (!user.groups.is_empty(), "remove users from group"),
    ];
    if let Some((_, what)) = left.iter().find(|(is_left, _)| *is_left) {
        return Err(Error::conflict(what));
    }
    account.users.remove(&name.to_lowercase());
    Ok(None)
}

fn tag(account: &mut Account, call: &Call<'_>) -> Answer {
    let user = account.user_mut(call.params.required("UserName")?)?;
    add_tags(&mut user.tags, call.params)?;
    Ok(None)
}

fn list_tags(account: &mut Account, call: &Call<'_>) -> Answer {
    let user = account.user(call.params.required("UserName")?)?;
    let tags = user.tags.iter().map(|tag| (tag.0.as_str(), tag));
    let (page, next) = call.params.page(tags)?;
    let xml = Xml::new().list("Tags", page, |xml, (key, value)| {
        xml.text("Key", key).text("Value", value)
    });
    Ok(Some(xml.page_end(next)))
}

fn put_boundary(account: &mut Account, call: &Call<'_>) -> Answer {
    call.params.required("PermissionsBoundary")?;
    let boundary = boundary(account, call)?;
    account
        .user_mut(call.params.required("UserName")?)?
        .boundary = boundary;
    Ok(None)
}
