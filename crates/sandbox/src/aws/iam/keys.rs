//! Access keys.

use super::super::account::{AccessKey, Account};
use super::super::actions::{Action, Answer, Call, On};
use super::super::errors::Error;
use super::super::xml::Xml;

pub(in super::super) const ACTIONS: &[Action] = &[
    Action::iam("CreateAccessKey", On::User, create),
    Action::iam("ListAccessKeys", On::User, list),
    Action::iam("DeleteAccessKey", On::User, delete),
    Action::iam("UpdateAccessKey", On::User, update),
];

const MAX_KEYS: usize = 2;

fn create(account: &mut Account, call: &Call<'_>) -> Answer {
    let name = call.user_name()?.to_owned();
    if account.user(&name)?.keys.len() >= MAX_KEYS {
        return Err(Error::quota("AccessKeysPerUser", MAX_KEYS));
    }
    let id = account.ids.entity("AKIA");
    let secret = account.ids.secret();
    account.user_mut(&name)?.keys.push(id.clone());
    let xml = Xml::new().node("AccessKey", |xml| {
        xml.text("UserName", &name)
            .text("AccessKeyId", &id)
            .text("Status", "Active")
            .text("SecretAccessKey", &secret)
            .time("CreateDate", call.now)
    });
    let key = AccessKey {
        secret,
        user: name,
        created: call.now,
        is_active: true,
    };
    account.keys.insert(id, key);
    Ok(Some(xml))
}

fn list(account: &mut Account, call: &Call<'_>) -> Answer {
    let user = account.user(call.user_name()?)?;
    // Oldest first, not by id.
    let keys = ["0", "1"]
        .into_iter()
        .zip(&user.keys)
        .filter_map(|(place, id)| Some((place, (id, account.keys.get(id)?))));
    let (page, next) = call.params.page(keys)?;
    let xml = Xml::new().list("AccessKeyMetadata", page, |xml, (id, key)| {
        xml.text("UserName", &user.name)
            .text("AccessKeyId", id)
            .text("Status", status(key))
            .time("CreateDate", key.created)
    });
    Ok(Some(xml.page_end(next)))
}

fn status(key: &AccessKey) -> &'static str {
    if key.is_active { "Active" } else { "Inactive" }
}

/// The id a call names, which must be a key of the user.
fn key_id<'a>(account: &Account, call: &'a Call<'_>) -> Result<&'a str, Error> {
    let id = call.params.required("AccessKeyId")?;
    let user = account.user(call.user_name()?)?;
    if user.keys.iter().any(|key| key == id) {
        return Ok(id);
    }
    Err(Error::not_found(format!(
        "The Access Key with id {id} cannot be found."
    )))
}

fn delete(account: &mut Account, call: &Call<'_>) -> Answer {
    let id = key_id(account, call)?;
    account
        .user_mut(call.user_name()?)?
        .keys
        .retain(|key| key != id);
    account.keys.remove(id);
    Ok(None)
}

fn update(account: &mut Account, call: &Call<'_>) -> Answer {
    let id = key_id(account, call)?;
    let status = call.params.required("Status")?;
    let is_active = match status {
        "Active" => true,
        "Inactive" => false,
        _ => {
            let rule = "Member must satisfy enum value set: [Active, Inactive]";
            return Err(Error::constraint("Status", status, rule));
        }
    };
    if let Some(key) = account.keys.get_mut(id) {
        key.is_active = is_active;
    }
    Ok(None)
}
