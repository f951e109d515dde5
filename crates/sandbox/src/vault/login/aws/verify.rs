//! Who signed a request, and whether they may have the role.

use std::collections::BTreeMap;

use super::AwsAuth;
use super::arn::Principal;
use super::config::Client;
use super::request::Signed;
use super::roles::Role;
use crate::vault::acl::globs;
use crate::vault::aws::tag;
use crate::vault::call::{Answer, Call, Env, Error, Grant, Login, Origin, Reply};
use crate::vault::fields::Fields;
use crate::vault::go;
use crate::wire::Request;

/// Whom STS says a request is of.
struct Caller {
    arn: String,
    user_id: String,
}

impl Caller {
    /// Without the session's part.
    fn unique_id(&self) -> &str {
        self.user_id.split(':').next().unwrap_or_default()
    }
}

pub(super) fn log_in(
    method: &mut AwsAuth,
    _: &Call<'_>,
    fields: &Fields,
    env: &mut Env<'_>,
) -> Answer {
    let signed = Signed::of(fields)?;
    if let Some(client) = &method.client {
        signed.check(client)?;
    }
    let client = method.client.as_ref();
    let endpoint = sts_endpoint(client, &signed)?;
    let caller = ask_sts(client, &endpoint, &signed, env)
        .map_err(|error| Error::bad(format!("error making upstream request: {error}")))?;
    let principal = Principal::of(&caller.arn).map_err(|error| {
        Error::bad(format!(
            "error parsing arn {}: {error}",
            go::quote(&caller.arn)
        ))
    })?;
    let name = match fields.text("role") {
        name if name.is_empty() => principal.name.clone(),
        name => name,
    };
    let role = method.roles.get(&name.to_lowercase()).cloned();
    let role = role.ok_or_else(|| Error::bad(format!("entry for role {name} not found")))?;
    if role.auth_type != "iam" {
        return Err(Error::bad(format!(
            "auth method iam not allowed for role {name}"
        )));
    }
    let canonical = principal.canonical();
    let is_bound = method
        .is_bound(&role, &principal, &canonical, caller.unique_id(), env)
        .map_err(|error| {
            Error::bad(format!(
                "error looking up full ARN of entity {principal} when attempting login for role \
                 {}: {error}",
                go::quote(&name)
            ))
        })?;
    if !is_bound {
        return Err(Error::bad(format!(
            "IAM Principal {} does not belong to the role {}",
            go::quote(&caller.arn),
            go::quote(&name)
        )));
    }
    if !role.inferred_type.is_empty() {
        return Err(Error::bad(format!(
            "failed to verify {} as a valid EC2 instance in region {}: EC2 is not here",
            principal.session, role.inferred_region
        )));
    }
    let login = method.login(&name, role, &principal, &caller);
    Ok(Some(Reply {
        login: Some(Box::new(login)),
        ..Reply::default()
    }))
}

/// Where STS is for who signed.
fn sts_endpoint(client: Option<&Client>, signed: &Signed) -> Result<String, Error> {
    if client.is_some_and(|client| client.follows_client_region) {
        let authorization = signed.header("Authorization").unwrap_or_default();
        let region = authorization
            .split("Credential=")
            .nth(1)
            .and_then(|scope| scope.split('/').nth(2))
            .ok_or_else(|| Error::bad("region missing from Authorization header"))?;
        if !is_region(region) {
            return Err(Error::bad(format!(
                "unable to get regional STS endpoint for region: {region}"
            )));
        }
        return Ok(format!("https://sts.{region}.amazonaws.com"));
    }
    let own = client.map(|client| client.sts_endpoint.clone());
    Ok(own
        .filter(|own| !own.is_empty())
        .unwrap_or_else(|| "https://sts.amazonaws.com".to_owned()))
}

/// Whether there is such a region, by its form: a partition's area, a direction, a number.
fn is_region(region: &str) -> bool {
    const AREAS: [&str; 10] = ["af", "ap", "ca", "cn", "eu", "il", "me", "mx", "sa", "us"];
    let parts: Vec<&str> = region.split('-').collect();
    let (Some(area), Some(number)) = (parts.first(), parts.last()) else {
        return false;
    };
    (3..=4).contains(&parts.len())
        && AREAS.contains(area)
        && number.len() == 1
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn ask_sts(
    client: Option<&Client>,
    endpoint: &str,
    signed: &Signed,
    env: &mut Env<'_>,
) -> Result<Caller, String> {
    let (base, path) = match endpoint.split_once("://") {
        Some((scheme, rest)) => {
            let at = rest.find('/').unwrap_or(rest.len());
            (format!("{scheme}://{}", &rest[..at]), rest[at..].to_owned())
        }
        None => (endpoint.to_owned(), String::new()),
    };
    let mut headers = vec![("Host".to_owned(), signed.host.clone())];
    let rest = signed.headers.iter().filter(|(name, _)| name != "Host");
    headers.extend(rest.cloned());
    let request = Request {
        method: signed.method.clone(),
        path: format!("{path}/{}", signed.uri),
        headers,
        body: signed.body.clone(),
    };
    let retries = client.map_or(3, |client| client.max_retries);
    let most = u32::try_from(retries).unwrap_or(3) + 1;
    let mut tried = 0;
    let response = loop {
        tried += 1;
        match env.upstream.call(&base, &request) {
            Ok(response) if response.status < 500 || tried == most => break response,
            Err(why) if tried == most => {
                let method = &signed.method;
                let url = format!("{endpoint}/{}", signed.uri);
                let go_method = format!("{}{}", &method[..1], method[1..].to_lowercase());
                return Err(format!(
                    "error making request: {method} {url} giving up after {tried} attempt(s): \
                     {go_method} {}: {why}",
                    go::quote(&url)
                ));
            }
            _ => {}
        }
    };
    if response.content_type != "text/xml" {
        return Err("body of GetCallerIdentity is invalid".to_owned());
    }
    if response.status != 200 {
        return Err(format!(
            "received error code {} from STS: {}",
            response.status, response.body
        ));
    }
    let get = |name| tag(&response.body, name).ok_or("error parsing STS response");
    Ok(Caller {
        arn: get("Arn")?,
        user_id: get("UserId")?,
    })
}

impl AwsAuth {
    /// Whether a role is for somebody.
    fn is_bound(
        &mut self,
        role: &Role,
        principal: &Principal,
        canonical: &str,
        unique_id: &str,
        env: &mut Env<'_>,
    ) -> Result<bool, String> {
        let arns = &role.principal_arns;
        if arns.is_empty() || role.principal_ids.iter().any(|id| id == unique_id) {
            return Ok(true);
        }
        if !role.resolves_ids && arns.iter().any(|arn| arn == canonical) {
            return Ok(true);
        }
        if !arns.iter().any(|arn| arn.ends_with('*')) {
            return Ok(false);
        }
        let full = if let Some(full) = self.full_arns.get(unique_id) {
            full.clone()
        } else {
            let answer = self.ask(principal, env)?;
            let full = tag(&answer, "Arn").ok_or("got nil result from AWS")?;
            self.full_arns.insert(unique_id.to_owned(), full.clone());
            full
        };
        Ok(arns
            .iter()
            .any(|arn| arn.ends_with('*') && globs(arn, &full)))
    }

    fn login(&self, name: &str, role: Role, principal: &Principal, caller: &Caller) -> Login {
        let canonical = principal.canonical();
        let unique_id = caller.unique_id().to_owned();
        let alias = match self.identity.iam_alias.as_str() {
            "unique_id" => unique_id.clone(),
            "full_arn" => caller.arn.clone(),
            "canonical_arn" => canonical.clone(),
            _ => role.id.clone(),
        };
        let mut metadata = BTreeMap::from([("role_id".to_owned(), role.id.clone())]);
        for field in &self.identity.iam_metadata {
            let value = match field.as_str() {
                "account_id" => principal.account.as_str(),
                "auth_type" => "iam",
                "canonical_arn" => &canonical,
                "client_arn" => &caller.arn,
                "client_user_id" => &unique_id,
                _ => continue,
            };
            metadata.insert(field.clone(), value.to_owned());
        }
        let display_name = if principal.session.is_empty() {
            principal.name.clone()
        } else {
            format!("{}/{}", principal.name, principal.session)
        };
        Login {
            alias,
            display_name,
            metadata,
            grant: role.terms.grant,
            origin: Origin::Aws {
                role: name.to_owned(),
                canonical_arn: canonical,
                user_id: unique_id,
            },
        }
    }

    /// What the token of a login is renewed with, if whoever logged in still may.
    pub(in crate::vault) fn renew(
        &mut self,
        origin: &Origin,
        env: &mut Env<'_>,
    ) -> Result<Grant, Error> {
        let Origin::Aws {
            role: name,
            canonical_arn,
            user_id,
        } = origin
        else {
            return Err(Error::failed("error retrieving role_name during renewal"));
        };
        let role = self.roles.get(&name.to_lowercase()).cloned();
        let role = role.ok_or_else(|| Error::failed("role entry not found"))?;
        let principal = Principal::of(canonical_arn).map_err(Error::failed)?;
        let is_bound = self
            .is_bound(&role, &principal, canonical_arn, user_id, env)
            .map_err(Error::failed)?;
        if !is_bound {
            return Err(Error::failed(format!(
                "role {} no longer bound to ARN {}",
                go::quote(name),
                go::quote(canonical_arn)
            )));
        }
        Ok(role.terms.grant)
    }
}
