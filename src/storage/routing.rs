//! Rules, their actions, policies and certificates: what operators set. What came of the actions is in
//! [`ActionStore`](super::ActionStore).

use async_trait::async_trait;

use super::{Change, Page, PageRequest, Result};
use crate::auth::secret::Secret;
use crate::domain::clock::Timestamp;
use crate::domain::ids::{ActionId, ActionKey, AppId, CertificateId, PolicyId, Position, RuleId};

/// What a rule says (management-api.md §9.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleText {
    /// `rule_name`.
    pub name: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `subject.resource`.
    pub resource: String,
    /// `subject.event`.
    pub event: String,
    /// The resource space with `app_type` APP; none is GLOBAL.
    pub app_id: Option<AppId>,
    /// `select`; empty takes everything.
    pub select: String,
    /// `where`; empty takes every event.
    pub condition: String,
}

/// A rule to create; it is inactive.
#[derive(Clone, Debug)]
pub struct NewRule {
    /// Its id.
    pub rule_id: RuleId,
    /// What it says.
    pub text: RuleText,
}

/// A stored rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its numeric key; the record id of paging.
    pub key: i64,
    /// Its id.
    pub rule_id: RuleId,
    /// What it says now.
    pub text: RuleText,
    /// Whether it takes events now.
    pub active: bool,
    /// When it was made.
    pub created: Timestamp,
}

/// What of a rule changes; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct RulePatch {
    /// `rule_name`; an empty one clears it.
    pub name: Option<String>,
    /// `description`; an empty one clears it.
    pub description: Option<String>,
    /// `select` and `where`, together.
    pub sql: Option<(String, String)>,
    /// `active`.
    pub active: Option<bool>,
}

/// A rule as it judges the events behind a position of the log, until the next version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleVersion {
    /// The rule.
    pub rule_id: RuleId,
    /// It judges the events after this one.
    pub after: Position,
    /// Whether it takes any.
    pub active: bool,
    /// What it says.
    pub text: RuleText,
}

/// Which rules to list.
#[derive(Clone, Debug, Default)]
pub struct RuleFilter {
    /// Of this `subject.resource`.
    pub resource: Option<String>,
    /// Of this `subject.event`.
    pub event: Option<String>,
    /// Of one space (true) or of all (false).
    pub scoped: Option<bool>,
    /// Of this space.
    pub app_id: Option<String>,
    /// With this name exactly.
    pub name: Option<String>,
    /// Active or not.
    pub active: Option<bool>,
}

/// The secrets that an action signs with (Standard Webhooks).
#[derive(Clone, Debug)]
pub struct SigningSecrets {
    /// The one that holds.
    pub current: Secret,
    /// The one before it, and until when it signs too.
    pub previous: Option<(Secret, Timestamp)>,
}

/// An action to create.
#[derive(Clone, Debug)]
pub struct NewAction {
    /// Its id.
    pub action_id: ActionId,
    /// Its rule.
    pub rule_id: RuleId,
    /// `channel`.
    pub channel: String,
    /// The channel's member of `channel_detail`, as JSON without its credentials.
    pub detail: String,
    /// Its credentials, as JSON.
    pub credentials: Option<Secret>,
    /// What it signs with.
    pub signing: Secret,
    /// The action that its dead letters go to.
    pub dead_letter_action: Option<ActionId>,
}

/// A stored action.
#[derive(Clone, Debug)]
pub struct Action {
    /// Its numeric key; the record id of paging.
    pub key: ActionKey,
    /// Its id.
    pub action_id: ActionId,
    /// Its rule.
    pub rule_id: RuleId,
    /// Its rule's space, if it has one.
    pub app_id: Option<AppId>,
    /// `channel`.
    pub channel: String,
    /// The channel's member of `channel_detail`, as JSON without its credentials.
    pub detail: String,
    /// Its credentials, as JSON.
    pub credentials: Option<Secret>,
    /// What it signs with.
    pub signing: SigningSecrets,
    /// The action that its dead letters go to.
    pub dead_letter_action: Option<ActionId>,
    /// Whether it delivers nothing for now.
    pub paused: bool,
    /// It follows the log from here.
    pub after: Position,
    /// When it was made.
    pub created: Timestamp,
}

/// What of an action changes; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct ActionPatch {
    /// Channel, detail and credentials, together.
    pub target: Option<(String, String, Option<Secret>)>,
    /// The action that its dead letters go to; an inner none clears it.
    pub dead_letter_action: Option<Option<ActionId>>,
    /// Whether it is paused.
    pub paused: Option<bool>,
    /// What it signs with, from now on.
    pub signing: Option<SigningSecrets>,
}

/// Which actions to list.
#[derive(Clone, Debug, Default)]
pub struct ActionFilter {
    /// Of this rule.
    pub rule_id: Option<String>,
    /// Of this channel.
    pub channel: Option<String>,
    /// Of rules of one space (true) or of all (false).
    pub scoped: Option<bool>,
    /// Of rules of this space.
    pub app_id: Option<String>,
}

/// What a backlog policy says (management-api.md §9.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BacklogText {
    /// `policy_name`.
    pub name: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `backlog_size`, bytes.
    pub size_bytes: i64,
    /// `backlog_time`, seconds.
    pub time_seconds: i64,
}

/// What a flow-control policy says (management-api.md §9.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowControlText {
    /// `policy_name`.
    pub name: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `scope`: USER, CHANNEL, RULE or ACTION.
    pub scope: String,
    /// `scope_value`.
    pub scope_value: Option<String>,
    /// `limit`, events a second.
    pub limit: i64,
}

/// A stored policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy<T> {
    /// Its numeric key; the record id of paging.
    pub key: i64,
    /// Its id.
    pub policy_id: PolicyId,
    /// What it says.
    pub text: T,
}

/// A backlog policy.
pub type BacklogPolicy = Policy<BacklogText>;

/// A flow-control policy.
pub type FlowControlPolicy = Policy<FlowControlText>;

/// Which policies to list.
#[derive(Clone, Debug, Default)]
pub struct PolicyFilter {
    /// With this name exactly.
    pub name: Option<String>,
    /// Flow control: of this scope.
    pub scope: Option<String>,
    /// Flow control: of this scope value.
    pub scope_value: Option<String>,
}

/// A CA that a target may be verified against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaCertificate {
    /// Its numeric key; the record id of paging.
    pub key: i64,
    /// Its id.
    pub certificate_id: CertificateId,
    /// Its space, if it is of one.
    pub app_id: Option<AppId>,
    /// The certificates, as PEM.
    pub pem: String,
    /// When it was made.
    pub created: Timestamp,
}

/// Rules, actions, policies and certificates. Each change and its row of the audit log are one transaction; whoever
/// subscribed to the registry hears of it.
#[async_trait]
pub trait RoutingStore: Send + Sync {
    /// Makes a rule, inactive.
    async fn create_rule(&self, rule: NewRule, change: Change<()>) -> Result<Rule>;
    /// A rule.
    async fn rule(&self, rule_id: &RuleId) -> Result<Option<Rule>>;
    /// A page of rules.
    async fn list_rules(&self, filter: &RuleFilter, page: PageRequest) -> Result<Page<Rule>>;
    /// Changes a rule: its version judges every event behind those that the log has given a position. None: there is none.
    async fn update_rule(
        &self,
        rule_id: &RuleId,
        patch: RulePatch,
        change: Change<()>,
    ) -> Result<Option<Rule>>;
    /// Deletes a rule and its actions. False: there is none.
    async fn delete_rule(&self, rule_id: &RuleId, change: Change<()>) -> Result<bool>;
    /// The versions of all rules that any event of the log is judged by, by rule and position.
    async fn rule_versions(&self) -> Result<Vec<RuleVersion>>;

    /// Makes an action, which follows the log from its present end. None: its rule is gone.
    async fn create_action(&self, action: NewAction, change: Change<()>) -> Result<Option<Action>>;
    /// An action.
    async fn action(&self, action_id: &ActionId) -> Result<Option<Action>>;
    /// All of them.
    async fn actions(&self) -> Result<Vec<Action>>;
    /// A page of actions.
    async fn list_actions(&self, filter: &ActionFilter, page: PageRequest) -> Result<Page<Action>>;
    /// Changes an action. None: there is none.
    async fn update_action(
        &self,
        action_id: &ActionId,
        patch: ActionPatch,
        change: Change<()>,
    ) -> Result<Option<Action>>;
    /// Deletes an action. False: there is none.
    async fn delete_action(&self, action_id: &ActionId, change: Change<()>) -> Result<bool>;

    /// Makes a backlog policy.
    async fn create_backlog(
        &self,
        policy_id: PolicyId,
        text: BacklogText,
        change: Change<()>,
    ) -> Result<BacklogPolicy>;
    /// A backlog policy.
    async fn backlog(&self, policy_id: &PolicyId) -> Result<Option<BacklogPolicy>>;
    /// A page of backlog policies.
    async fn list_backlogs(&self, filter: &PolicyFilter, page: PageRequest) -> Result<Page<BacklogPolicy>>;
    /// Says a backlog policy anew. None: there is none.
    async fn update_backlog(
        &self,
        policy_id: &PolicyId,
        text: BacklogText,
        change: Change<()>,
    ) -> Result<Option<BacklogPolicy>>;
    /// Deletes a backlog policy. False: there is none.
    async fn delete_backlog(&self, policy_id: &PolicyId, change: Change<()>) -> Result<bool>;

    /// Makes a flow-control policy.
    async fn create_flow_control(
        &self,
        policy_id: PolicyId,
        text: FlowControlText,
        change: Change<()>,
    ) -> Result<FlowControlPolicy>;
    /// A flow-control policy.
    async fn flow_control(&self, policy_id: &PolicyId) -> Result<Option<FlowControlPolicy>>;
    /// A page of flow-control policies.
    async fn list_flow_controls(
        &self,
        filter: &PolicyFilter,
        page: PageRequest,
    ) -> Result<Page<FlowControlPolicy>>;
    /// Says a flow-control policy anew. None: there is none.
    async fn update_flow_control(
        &self,
        policy_id: &PolicyId,
        text: FlowControlText,
        change: Change<()>,
    ) -> Result<Option<FlowControlPolicy>>;
    /// Deletes a flow-control policy. False: there is none.
    async fn delete_flow_control(&self, policy_id: &PolicyId, change: Change<()>) -> Result<bool>;

    /// Stores a CA.
    async fn create_certificate(
        &self,
        certificate_id: CertificateId,
        app_id: Option<AppId>,
        pem: String,
        change: Change<()>,
    ) -> Result<CaCertificate>;
    /// A CA.
    async fn certificate(&self, certificate_id: &CertificateId) -> Result<Option<CaCertificate>>;
    /// A page of CAs, of one space if one is named.
    async fn list_certificates(&self, app_id: Option<&str>, page: PageRequest)
    -> Result<Page<CaCertificate>>;
    /// Puts another PEM in a CA's place. None: there is none.
    async fn update_certificate(
        &self,
        certificate_id: &CertificateId,
        pem: String,
        change: Change<()>,
    ) -> Result<Option<CaCertificate>>;
    /// Deletes a CA. False: there is none.
    async fn delete_certificate(&self, certificate_id: &CertificateId, change: Change<()>) -> Result<bool>;
}
