//! Mistakes the sandbox's AWS could have.

use e2e::differential::lies::{Asked, Lie};
use jiff::Timestamp;
use leasehold_sandbox::aws::{self, Aws, Response, sign};

pub(crate) const LIES: [Lie<Aws>; 6] = [
    Lie::about_answers("aws: a user may have a third access key", |asked| {
        asked.changed(|response| {
            if response.body.contains("AccessKeysPerUser") {
                *response = Response::new(200, "text/xml", THIRD_KEY);
            }
        })
    }),
    Lie::about_answers("aws: what a policy denies, it allows", |asked| {
        let said = body(asked).replace("%22Deny%22", "%22Allow%22");
        say(asked, &said);
        asked.honestly()
    }),
    Lie::about_answers("aws: a signature is good for ever", |asked| {
        let signed = asked.request.header("X-Amz-Date");
        let signed: Option<Timestamp> = signed.and_then(|date| date.parse().ok());
        asked.now = signed.unwrap_or(asked.now);
        asked.honestly()
    }),
    Lie::about_answers("aws: a key that is made inactive stays active", |asked| {
        let said = body(asked).replace("Status=Inactive", "Status=Active");
        say(asked, &said);
        asked.honestly()
    }),
    Lie::about_answers("aws: what is not there is forbidden", |asked| {
        asked.changed(|response| {
            if response.status == 404 {
                response.status = 403;
            }
        })
    }),
    Lie::about_answers("aws: a page is as long as the whole list", |asked| {
        let said = body(asked).replace("&MaxItems=", "&MostItems=");
        say(asked, &said);
        asked.honestly()
    }),
];

const THIRD_KEY: &str = "<CreateAccessKeyResponse \
    xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><CreateAccessKeyResult><AccessKey>\
    <UserName>kim</UserName><AccessKeyId>AKIATHIRDTHIRDTHIRD0</AccessKeyId>\
    <Status>Active</Status><SecretAccessKey>s</SecretAccessKey>\
    <CreateDate>2026-11-22T10:00:00Z</CreateDate></AccessKey></CreateAccessKeyResult>\
    <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></CreateAccessKeyResponse>";

fn body(asked: &Asked<'_, Aws>) -> String {
    String::from_utf8_lossy(&asked.request.body).into_owned()
}

/// Has the machine understand something else than was said. Whoever said it could sign for it:
/// where that is not root, nothing is changed.
fn say(asked: &mut Asked<'_, Aws>, said: &str) {
    let root = aws::Config::default();
    let request = &mut asked.request;
    let by_root = format!("Credential={}/", root.root_key);
    let authorization = request.header("Authorization").unwrap_or_default();
    if request.body == said.as_bytes() || !authorization.contains(&by_root) {
        return;
    }
    request.body = said.as_bytes().to_vec();
    let of_signature = ["authorization", "x-amz-date"];
    let is_of_signature = |name: &str| of_signature.contains(&name.to_lowercase().as_str());
    request.headers.retain(|(name, _)| !is_of_signature(name));
    let scope = ("us-east-1", "iam");
    sign(
        request,
        &root.root_key,
        &root.root_secret,
        None,
        scope,
        asked.now,
    );
}
