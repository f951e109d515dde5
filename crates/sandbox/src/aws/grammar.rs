//! The words a policy document is made of.

use super::errors::Error;

/// Whether it is an action: a vendor and a name.
pub(super) fn check_action(action: &str) -> Result<(), Error> {
    let malformed = Error::malformed_policy;
    let Some((vendor, name)) = action.split_once(':') else {
        return if action == "*" {
            Ok(())
        } else {
            Err(malformed(
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
            ))
        };
    };
    if name.contains(':') {
        return Err(malformed("Actions/Condition can contain only one colon."));
    }
    let is_fine = |char: char| char.is_ascii_alphanumeric() || "-.".contains(char);
    if vendor != "*" && !vendor.chars().all(is_fine) {
        return Err(malformed(&format!("Vendor {vendor} is not valid")));
    }
    Ok(())
}

/// Whether it is a resource: everything, or an ARN.
pub(super) fn check_resource(resource: &str) -> Result<(), Error> {
    const PARTITIONS: [&str; 4] = ["*", "aws", "aws-cn", "aws-us-gov"];
    let malformed = |message: String| Err(Error::malformed_policy(&message));
    if resource == "*" {
        return Ok(());
    }
    let Some(("arn", rest)) = resource.split_once(':') else {
        return malformed(format!(
            "Resource {resource} must be in ARN format or \"*\"."
        ));
    };
    let (partition, rest) = rest.split_once(':').unwrap_or((rest, ""));
    if !PARTITIONS.contains(&partition) {
        let mut parts = rest.splitn(4, ':').map(str::to_owned);
        let mut part = || parts.next().unwrap_or_else(|| "*".to_owned());
        let shown = [part(), part(), part(), part()].join(":");
        return malformed(format!(
            "Partition \"{partition}\" is not valid for resource \"arn:{partition}:{shown}\"."
        ));
    }
    if rest.is_empty() {
        let message = "Resource vendor must be fully qualified and cannot contain regexes.";
        return malformed(message.to_owned());
    }
    Ok(())
}

/// Whether AWS knows the operator, with what may stand before and behind it.
pub(super) fn is_operator(name: &str) -> bool {
    let sets = ["ForAnyValue:", "ForAllValues:"];
    let name = sets
        .iter()
        .find_map(|set| name.strip_prefix(set))
        .unwrap_or(name);
    let name = name.strip_suffix("IfExists").unwrap_or(name);
    let kinds: [(&str, &[&str]); 8] = [
        ("String", &["Equals", "NotEquals", "Like", "NotLike"]),
        ("String", &["EqualsIgnoreCase", "NotEqualsIgnoreCase"]),
        ("Numeric", &COMPARISONS),
        ("Date", &COMPARISONS),
        ("Arn", &["Equals", "NotEquals", "Like", "NotLike"]),
        ("Binary", &["Equals"]),
        ("", &["IpAddress", "NotIpAddress"]),
        ("", &["Bool", "Null"]),
    ];
    kinds
        .iter()
        .filter_map(|(kind, ends)| Some((name.strip_prefix(kind)?, ends)))
        .any(|(end, ends)| ends.contains(&end))
}

const COMPARISONS: [&str; 6] = [
    "Equals",
    "NotEquals",
    "LessThan",
    "LessThanEquals",
    "GreaterThan",
    "GreaterThanEquals",
];
