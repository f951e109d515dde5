//! The objects, and what happened to them lately.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::Value;

use super::resource::{Resource, Topic};

/// How many changes of one resource a watch may be behind.
const HISTORY: usize = 1024;

/// An object as it is kept: as text, which is an eighth of what the parsed tree takes and is
/// what most answers need; with what selectors, owners and preconditions look at beside it.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) version: u64,
    pub(super) uid: Box<str>,
    pub(super) namespace: Box<str>,
    pub(super) name: Box<str>,
    pub(super) labels: Box<[(Box<str>, Box<str>)]>,
    /// The uids of the owners.
    pub(super) owners: Box<[Box<str>]>,
    pub(super) is_deleting: bool,
    pub(super) api_version: Box<str>,
    /// It begins with kind and API version, so that they can be left off.
    pub(super) json: Box<str>,
    head: usize,
}

impl Stored {
    /// Keeps an object; its metadata says all the rest.
    pub(super) fn of(mut object: Value, version: u64) -> Self {
        let kind = take(&mut object, "kind");
        let api_version = take(&mut object, "apiVersion");
        let mut json = format!("{{\"kind\":{kind},\"apiVersion\":{api_version},");
        let head = json.len();
        let _ = write!(json, "{object}");
        // The brace that opens the rest is the one already written.
        json.remove(head);
        let meta = &object["metadata"];
        let text = |value: &Value| Box::from(value.as_str().unwrap_or_default());
        let pairs = |map: &Value| {
            let pairs = map.as_object().into_iter().flatten();
            pairs
                .map(|(key, value)| (Box::from(key.as_str()), text(value)))
                .collect()
        };
        let owners = meta["ownerReferences"].as_array().into_iter().flatten();
        Self {
            version,
            uid: text(&meta["uid"]),
            namespace: text(&meta["namespace"]),
            name: text(&meta["name"]),
            labels: pairs(&meta["labels"]),
            owners: owners.map(|owner| text(&owner["uid"])).collect(),
            is_deleting: meta["deletionTimestamp"].is_string(),
            api_version: text(&api_version),
            json: json.into_boxed_str(),
            head,
        }
    }

    /// The text after kind and API version, without the brace that opens it.
    pub(super) fn without_kind(&self) -> &str {
        &self.json[self.head..]
    }

    /// The object, parsed anew.
    pub(super) fn value(&self) -> Value {
        serde_json::from_str(&self.json).unwrap_or_default()
    }

    pub(super) fn key(&self) -> String {
        key(&self.namespace, &self.name)
    }
}

fn take(object: &mut Value, key: &str) -> Value {
    object
        .as_object_mut()
        .and_then(|map| map.remove(key))
        .unwrap_or_default()
}

/// Where an object is among those of its resource: in etcd's order.
pub(super) fn key(namespace: &str, name: &str) -> String {
    if namespace.is_empty() {
        return name.to_owned();
    }
    let mut key = String::with_capacity(namespace.len() + 1 + name.len());
    key.push_str(namespace);
    key.push('/');
    key.push_str(name);
    key
}

/// One change.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) version: u64,
    /// What was before; nothing for a new object.
    pub(super) old: Option<Arc<Stored>>,
    /// What is now. For a deletion: the last state, with the version of the deletion.
    pub(super) new: Arc<Stored>,
    pub(super) is_deletion: bool,
}

#[derive(Debug, Default)]
struct Shelf {
    objects: BTreeMap<String, Arc<Stored>>,
    events: VecDeque<Event>,
    /// The version of the last event that was thrown away, or at which the resource came to be.
    forgotten: u64,
    /// The version of the last change, remembered or not.
    last: u64,
}

/// Everything that is kept.
#[derive(Debug, Default)]
pub(super) struct Store {
    version: u64,
    shelves: Vec<Shelf>,
    /// By uid: where the object is.
    by_uid: HashMap<Box<str>, (Topic, String)>,
    /// By the owner's uid: what it owns. It holds for owners that never were, too.
    owned: HashMap<Box<str>, BTreeSet<(Topic, String)>>,
    changed: HashSet<Topic>,
    history: usize,
}

impl Store {
    pub(super) fn new(history: Option<usize>) -> Self {
        // No list has the version 0, which means "any" in requests.
        Self {
            version: 1,
            history: history.unwrap_or(HISTORY),
            ..Self::default()
        }
    }

    /// The version of the last change of anything.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    fn shelf(&self, topic: Topic) -> Option<&Shelf> {
        self.shelves.get(topic.0 as usize)
    }

    fn shelf_mut(&mut self, topic: Topic) -> &mut Shelf {
        let at = topic.0 as usize;
        if self.shelves.len() <= at {
            self.shelves.resize_with(at + 1, Shelf::default);
        }
        &mut self.shelves[at]
    }

    pub(super) fn get(&self, topic: Topic, namespace: &str, name: &str) -> Option<&Arc<Stored>> {
        self.shelf(topic)?.objects.get(&key(namespace, name))
    }

    pub(super) fn at(&self, topic: Topic, key: &str) -> Option<&Arc<Stored>> {
        self.shelf(topic)?.objects.get(key)
    }

    /// The objects of a namespace, or all if it is empty, from a key on.
    pub(super) fn range<'a>(
        &'a self,
        topic: Topic,
        namespace: &'a str,
        from: &str,
    ) -> impl Iterator<Item = (&'a String, &'a Arc<Stored>)> {
        let prefix = if namespace.is_empty() {
            String::new()
        } else {
            format!("{namespace}/")
        };
        let start = if from.is_empty() {
            prefix.clone()
        } else {
            from.to_owned()
        };
        self.shelf(topic)
            .into_iter()
            .flat_map(move |here| here.objects.range(start.clone()..))
            .take_while(move |(key, _)| key.starts_with(&prefix))
    }

    pub(super) fn count(&self, topic: Topic) -> usize {
        self.shelf(topic).map_or(0, |shelf| shelf.objects.len())
    }

    pub(super) fn by_uid(&self, uid: &str) -> Option<&(Topic, String)> {
        self.by_uid.get(uid)
    }

    /// What names this uid as an owner.
    pub(super) fn owned_by(&self, uid: &str) -> impl Iterator<Item = &(Topic, String)> {
        self.owned.get(uid).into_iter().flatten()
    }

    /// Creates or replaces, with the next version, which it writes into the object.
    pub(super) fn put(&mut self, resource: &Resource, mut object: Value) -> Arc<Stored> {
        self.version += 1;
        let version = self.version;
        object["metadata"]["resourceVersion"] = version.to_string().into();
        let new = Arc::new(Stored::of(object, version));
        let key = new.key();
        let old = self
            .shelf_mut(resource.topic)
            .objects
            .insert(key.clone(), Arc::clone(&new));
        match &old {
            Some(old) if old.owners == new.owners => {}
            Some(old) => {
                self.disown(resource.topic, &key, old);
                self.own(resource.topic, &key, &new);
            }
            None => self.own(resource.topic, &key, &new),
        }
        if old.is_none() {
            self.by_uid.insert(new.uid.clone(), (resource.topic, key));
        }
        let event = Event {
            version,
            old,
            new: Arc::clone(&new),
            is_deletion: false,
        };
        self.record(resource.topic, event);
        new
    }

    /// Removes an object; its last state gets the version of the deletion.
    pub(super) fn remove(&mut self, resource: &Resource, key: &str) -> Option<Arc<Stored>> {
        let old = self.shelf_mut(resource.topic).objects.remove(key)?;
        self.version += 1;
        let version = self.version;
        self.by_uid.remove(&old.uid);
        self.disown(resource.topic, key, &old);
        let mut object = old.value();
        object["metadata"]["resourceVersion"] = version.to_string().into();
        let new = Arc::new(Stored::of(object, version));
        let event = Event {
            version,
            old: Some(old),
            new: Arc::clone(&new),
            is_deletion: true,
        };
        self.record(resource.topic, event);
        Some(new)
    }

    fn own(&mut self, topic: Topic, key: &str, object: &Stored) {
        for owner in &object.owners {
            self.owned
                .entry(owner.clone())
                .or_default()
                .insert((topic, key.to_owned()));
        }
    }

    fn disown(&mut self, topic: Topic, key: &str, object: &Stored) {
        let place = (topic, key.to_owned());
        for owner in &object.owners {
            if let Some(owned) = self.owned.get_mut(owner) {
                owned.remove(&place);
                if owned.is_empty() {
                    self.owned.remove(owner);
                }
            }
        }
    }

    fn record(&mut self, topic: Topic, event: Event) {
        let history = self.history;
        let here = self.shelf_mut(topic);
        if here.events.len() >= history
            && let Some(oldest) = here.events.pop_front()
        {
            here.forgotten = oldest.version;
        }
        here.last = event.version;
        here.events.push_back(event);
        self.changed.insert(topic);
    }

    /// The changes after a version; `None` if some of them are forgotten.
    pub(super) fn since(&self, topic: Topic, version: u64) -> Option<impl Iterator<Item = &Event>> {
        let here = self.shelf(topic);
        if here.is_some_and(|shelf| version < shelf.forgotten.min(shelf.last)) {
            return None;
        }
        let events = here.map(|shelf| {
            let from = shelf
                .events
                .partition_point(|event| event.version <= version);
            shelf.events.range(from..)
        });
        Some(events.into_iter().flatten())
    }

    /// The version from which on changes are remembered.
    pub(super) fn oldest(&self, topic: Topic) -> u64 {
        self.shelf(topic).map_or(0, |shelf| shelf.forgotten)
    }

    /// The version of the last change of a resource; 0 if there was none.
    pub(super) fn last_change(&self, topic: Topic) -> u64 {
        self.shelf(topic).map_or(0, |shelf| shelf.last)
    }

    /// Which resources changed since this was last asked.
    pub(super) fn take_changed(&mut self) -> Vec<Topic> {
        self.changed.drain().collect()
    }

    /// Throws the history of every resource away, as a compaction does.
    pub(super) fn compact(&mut self) {
        for shelf in &mut self.shelves {
            shelf.events.clear();
            shelf.forgotten = self.version;
        }
    }

    /// Marks a resource as changed without an event, so that its watches are looked at.
    pub(super) fn touch(&mut self, topic: Topic) {
        self.changed.insert(topic);
    }
}
