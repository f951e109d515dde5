//! What pods and what makes them have by default. Nothing runs here; but clients compare what
//! they sent with what they get.

use serde_json::{Value, json};

use super::meta::field;

fn default(object: &mut Value, defaults: &[(&str, Value)]) {
    for (key, value) in defaults {
        let field = field(object, key);
        if field.is_null() {
            value.clone_into(field);
        }
    }
}

/// Fills in the spec of a pod.
pub(super) fn pod_defaults(spec: &mut Value) {
    default(
        spec,
        &[
            ("dnsPolicy", json!("ClusterFirst")),
            ("restartPolicy", json!("Always")),
            ("schedulerName", json!("default-scheduler")),
            ("securityContext", json!({})),
            ("terminationGracePeriodSeconds", json!(30)),
        ],
    );
    for list in ["containers", "initContainers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            container_defaults(container);
        }
    }
}

fn container_defaults(container: &mut Value) {
    let image = container["image"].as_str().unwrap_or_default();
    let name = image.rsplit('/').next().unwrap_or_default();
    let is_latest = name.ends_with(":latest") || !name.contains([':', '@']);
    let pull = if is_latest { "Always" } else { "IfNotPresent" };
    default(
        container,
        &[
            ("imagePullPolicy", json!(pull)),
            ("resources", json!({})),
            ("terminationMessagePath", json!("/dev/termination-log")),
            ("terminationMessagePolicy", json!("File")),
        ],
    );
    let ports = container.get_mut("ports").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten() {
        default(port, &[("protocol", json!("TCP"))]);
    }
}

/// Fills in a Deployment, StatefulSet, DaemonSet or ReplicaSet.
pub(super) fn defaults(kind: &str, object: &mut Value) {
    let spec = field(object, "spec");
    let rolling = json!({"maxSurge": "25%", "maxUnavailable": "25%"});
    match kind {
        "Deployment" => default(
            spec,
            &[
                ("progressDeadlineSeconds", json!(600)),
                ("replicas", json!(1)),
                ("revisionHistoryLimit", json!(10)),
                (
                    "strategy",
                    json!({"type": "RollingUpdate", "rollingUpdate": rolling}),
                ),
            ],
        ),
        "StatefulSet" => default(
            spec,
            &[
                ("podManagementPolicy", json!("OrderedReady")),
                ("replicas", json!(1)),
                ("revisionHistoryLimit", json!(10)),
                (
                    "updateStrategy",
                    json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}),
                ),
            ],
        ),
        "DaemonSet" => default(
            spec,
            &[
                ("revisionHistoryLimit", json!(10)),
                (
                    "updateStrategy",
                    json!({
                        "type": "RollingUpdate",
                        "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
                    }),
                ),
            ],
        ),
        _ => default(spec, &[("replicas", json!(1))]),
    }
    pod_defaults(field(field(spec, "template"), "spec"));
    let status = field(object, "status");
    if status.is_null() {
        *status = json!({});
    }
}
