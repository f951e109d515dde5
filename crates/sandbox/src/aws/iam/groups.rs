//! Groups.

use super::super::account::{Account, Group, Policies, User};
use super::super::actions::{Action, Answer, Call, On};
use super::super::errors::Error;
use super::super::xml::Xml;
use super::{name, path};

pub(in super::super) const ACTIONS: &[Action] = &[
    Action::iam("CreateGroup", On::Group, create),
    Action::iam("GetGroup", On::Group, get),
    Action::iam("ListGroups", On::Groups, list),
    Action::iam("DeleteGroup", On::Group, delete),
    Action::iam("AddUserToGroup", On::Group, add),
    Action::iam("RemoveUserFromGroup", On::Group, remove),
    Action::iam("ListGroupsForUser", On::User, list_for_user),
];

const MAX_GROUPS: usize = 10;

fn xml_of(xml: Xml, account: &Account, group: &Group) -> Xml {
    xml.text("Path", &group.path)
        .text("GroupName", &group.name)
        .text("GroupId", &group.id)
        .text("Arn", account.arn("group", &group.path, &group.name))
        .time("CreateDate", group.created)
}

fn members<'a>(account: &'a Account, group: &Group) -> impl Iterator<Item = &'a User> {
    let key = group.name.to_lowercase();
    let users = account.users.values();
    users.filter(move |user| user.groups.contains(&key))
}

fn create(account: &mut Account, call: &Call<'_>) -> Answer {
    let name = name(call.params, "GroupName", 128)?;
    let key = name.to_lowercase();
    if account.groups.contains_key(&key) {
        let message = format!("Group with name {name} already exists.");
        return Err(Error::exists(message));
    }
    let group = Group {
        name: name.to_owned(),
        path: path(call.params)?,
        id: account.ids.entity("AGPA"),
        created: call.now,
        own: Policies::default(),
    };
    let xml = Xml::new().node("Group", |xml| xml_of(xml, account, &group));
    account.groups.insert(key, group);
    Ok(Some(xml))
}

fn get(account: &mut Account, call: &Call<'_>) -> Answer {
    let group = account.group(call.params.required("GroupName")?)?;
    let users = members(account, group).map(|user| (user.name.as_str(), user));
    let (page, next) = call.params.page(users)?;
    let xml = Xml::new()
        .node("Group", |xml| xml_of(xml, account, group))
        .list("Users", page, |xml, user| {
            xml.text("Path", &user.path)
                .text("UserName", &user.name)
                .text("UserId", &user.id)
                .text("Arn", account.user_arn(user))
                .time("CreateDate", user.created)
        });
    Ok(Some(xml.page_end(next)))
}

fn list(account: &mut Account, call: &Call<'_>) -> Answer {
    let prefix = call.params.get("PathPrefix").unwrap_or("/");
    let groups = account
        .groups
        .iter()
        .filter(|(_, group)| group.path.starts_with(prefix))
        .map(|(key, group)| (key.as_str(), group));
    let (page, next) = call.params.page(groups)?;
    let xml = Xml::new().list("Groups", page, |xml, group| xml_of(xml, account, group));
    Ok(Some(xml.page_end(next)))
}

fn delete(account: &mut Account, call: &Call<'_>) -> Answer {
    let group = account.group(call.params.required("GroupName")?)?;
    let left = [
        (
            members(account, group).next().is_some(),
            "remove users from group",
        ),
        (!group.own.attached.is_empty(), "detach all policies"),
        (!group.own.inline.is_empty(), "delete policies"),
    ];
    if let Some((_, what)) = left.iter().find(|(is_left, _)| *is_left) {
        return Err(Error::conflict(what));
    }
    let key = group.name.to_lowercase();
    account.groups.remove(&key);
    Ok(None)
}

fn add(account: &mut Account, call: &Call<'_>) -> Answer {
    let key = account
        .group(call.params.required("GroupName")?)?
        .name
        .to_lowercase();
    let user = account.user_mut(call.params.required("UserName")?)?;
    if user.groups.len() >= MAX_GROUPS && !user.groups.contains(&key) {
        return Err(Error::quota("GroupsPerUser", MAX_GROUPS));
    }
    user.groups.insert(key);
    Ok(None)
}

fn remove(account: &mut Account, call: &Call<'_>) -> Answer {
    let key = account
        .group(call.params.required("GroupName")?)?
        .name
        .to_lowercase();
    let user = account.user_mut(call.params.required("UserName")?)?;
    // AWS says nothing if the user was not in the group.
    user.groups.remove(&key);
    Ok(None)
}

fn list_for_user(account: &mut Account, call: &Call<'_>) -> Answer {
    let user = account.user(call.params.required("UserName")?)?;
    let groups = user
        .groups
        .iter()
        .filter_map(|key| Some((key.as_str(), account.groups.get(key)?)));
    let (page, next) = call.params.page(groups)?;
    let xml = Xml::new().list("Groups", page, |xml, group| xml_of(xml, account, group));
    Ok(Some(xml.page_end(next)))
}
