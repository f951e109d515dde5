//! Enough of EC2 to find out what a key may do.

use super::account::Account;
use super::actions::{Action, Answer, Call, On};
use super::service::Service;
use super::xml::Xml;

pub(super) const ACTIONS: &[Action] = &[
    nothing_of("DescribeInstances"),
    nothing_of("DescribeRegions"),
    nothing_of("DescribeVolumes"),
    nothing_of("RunInstances"),
];

/// An action that is allowed or not, and does nothing.
const fn nothing_of(name: &'static str) -> Action {
    Action {
        name,
        service: Service::Ec2,
        on: On::Everything,
        run: none,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "an action like any other")]
fn none(_: &mut Account, _: &Call<'_>) -> Answer {
    Ok(Some(Xml::new().text("reservationSet", "")))
}
