//! What an ARN says of whom it names.

use std::fmt;

/// Somebody of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Principal {
    partition: String,
    pub(super) account: String,
    pub(super) kind: String,
    path: String,
    pub(super) name: String,
    pub(super) session: String,
}

/// As Vault prints one inside an error.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            partition,
            account,
            kind,
            path,
            name,
            session,
        } = self;
        write!(
            f,
            "&{{{partition} {account} {kind} {path} {name} {session}}}"
        )
    }
}

impl Principal {
    pub(super) fn of(arn: &str) -> Result<Self, String> {
        let parts: Vec<&str> = arn.split(':').collect();
        let [prefix, partition, service, _, account, resource] = parts[..] else {
            return Err(format!(
                "unrecognized arn: contains {} colon-separated parts, expected 6",
                parts.len()
            ));
        };
        if prefix != "arn" {
            return Err("unrecognized arn: does not begin with \"arn:\"".to_owned());
        }
        if service != "iam" && service != "sts" {
            return Err(format!(
                "unrecognized service: {service}, not one of iam or sts"
            ));
        }
        let fewer = |than: usize| {
            format!(
                "unrecognized arn: \"{resource}\" contains fewer than {than} slash-separated parts"
            )
        };
        let segments: Vec<&str> = resource.split('/').collect();
        let [kind, path @ .., name] = segments.as_slice() else {
            return Err(fewer(2));
        };
        let mut principal = Self {
            partition: partition.to_owned(),
            account: account.to_owned(),
            kind: (*kind).to_owned(),
            path: path.join("/"),
            name: (*name).to_owned(),
            session: String::new(),
        };
        match *kind {
            "assumed-role" => {
                let [role, ..] = path else {
                    return Err(fewer(3));
                };
                segments[2].clone_into(&mut principal.session);
                (*role).clone_into(&mut principal.name);
                principal.path.clear();
            }
            "user" | "role" | "instance-profile" => {}
            other => return Err(format!("unrecognized principal type: \"{other}\"")),
        }
        Ok(principal)
    }

    /// The ARN of the user or the role, without its path.
    pub(super) fn canonical(&self) -> String {
        let kind = if self.kind == "assumed-role" {
            "role"
        } else {
            &self.kind
        };
        format!(
            "arn:{}:iam::{}:{kind}/{}",
            self.partition, self.account, self.name
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_stand_for_their_role_without_its_path() {
        let principal = Principal::of("arn:aws:sts::1:assumed-role/r/s").unwrap();
        assert_eq!(principal.canonical(), "arn:aws:iam::1:role/r");
        assert_eq!(principal.session, "s");
        let principal = Principal::of("arn:aws:iam::1:user/a/b/jo").unwrap();
        assert_eq!(principal.canonical(), "arn:aws:iam::1:user/jo");
        let errors = [
            (
                "nope",
                "unrecognized arn: contains 1 colon-separated parts, expected 6",
            ),
            (
                "arn:aws:s3::1:user/x",
                "unrecognized service: s3, not one of iam or sts",
            ),
            (
                "arn:aws:iam::1:root",
                "unrecognized arn: \"root\" contains fewer than 2 slash-separated parts",
            ),
            (
                "arn:aws:sts::1:assumed-role/r",
                "unrecognized arn: \"assumed-role/r\" contains fewer than 3 slash-separated parts",
            ),
            (
                "arn:aws:iam::1:group/x",
                "unrecognized principal type: \"group\"",
            ),
        ];
        for (arn, error) in errors {
            assert_eq!(Principal::of(arn).unwrap_err(), error);
        }
    }
}
