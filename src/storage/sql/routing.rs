//! Rules, actions, policies and certificates: reads outside of any transaction, changes through the writer.

use async_trait::async_trait;

use super::changes::{
    CREDENTIALS, Change, PREVIOUS_SIGNING, RoutingChange, RoutingOutcome, SIGNING, binding,
};
use super::registry::page_of;
use super::{Columns, SqlStore, Statement, rows};
use crate::auth::secret::Secret;
use crate::auth::secret_box::SecretBox;
use crate::domain::clock::Timestamp;
use crate::domain::ids::{ActionId, ActionKey, AppId, CertificateId, PolicyId, Position, RuleId};
use crate::storage::{
    Action, ActionFilter, ActionPatch, BacklogPolicy, BacklogText, CaCertificate, Change as Told,
    FlowControlPolicy, FlowControlText, NewAction, NewRule, Page, PageRequest, Policy, PolicyFilter, Result,
    RoutingStore, Rule, RuleFilter, RulePatch, RuleText, RuleVersion, SigningSecrets, StoreError,
};

const RULE: &str = "SELECT * FROM rules";
const ACTION: &str = "SELECT a.*, r.rule_id, r.app_id FROM actions a JOIN rules r ON r.rule_key = a.rule_key";
const BACKLOG: &str = "SELECT * FROM backlog_policies";
const FLOW_CONTROL: &str = "SELECT * FROM flow_control_policies";
const CERTIFICATE: &str = "SELECT * FROM ca_certificates";

fn app_id(row: &impl Columns) -> Result<Option<AppId>> {
    let found = row.optional_text("app_id")?;
    found.map(|found| rows::id(AppId::parse(&found))).transpose()
}

fn rule_text(row: &impl Columns) -> Result<RuleText> {
    Ok(RuleText {
        name: row.optional_text("name")?,
        description: row.optional_text("description")?,
        resource: row.text("resource")?,
        event: row.text("event")?,
        app_id: app_id(row)?,
        select: row.text("select_text")?,
        condition: row.text("where_text")?,
    })
}

fn rule(row: &impl Columns) -> Result<Rule> {
    Ok(Rule {
        key: row.int("rule_key")?,
        rule_id: rows::id(RuleId::parse(&row.text("rule_id")?))?,
        text: rule_text(row)?,
        active: row.flag("active")?,
        created: Timestamp(row.int("created_ms")?),
    })
}

fn rule_version(row: &impl Columns) -> Result<RuleVersion> {
    Ok(RuleVersion {
        rule_id: rows::id(RuleId::parse(&row.text("rule_id")?))?,
        after: Position(row.int("after_position")?),
        active: row.flag("active")?,
        text: rule_text(row)?,
    })
}

fn policy_id(row: &impl Columns) -> Result<PolicyId> {
    rows::id(PolicyId::parse(&row.text("policy_id")?))
}

fn backlog(row: &impl Columns) -> Result<BacklogPolicy> {
    Ok(Policy {
        key: row.int("policy_key")?,
        policy_id: policy_id(row)?,
        text: BacklogText {
            name: row.optional_text("name")?,
            description: row.optional_text("description")?,
            size_bytes: row.int("size_bytes")?,
            time_seconds: row.int("time_seconds")?,
        },
    })
}

fn flow_control(row: &impl Columns) -> Result<FlowControlPolicy> {
    Ok(Policy {
        key: row.int("policy_key")?,
        policy_id: policy_id(row)?,
        text: FlowControlText {
            name: row.optional_text("name")?,
            description: row.optional_text("description")?,
            scope: row.text("scope")?,
            scope_value: row.optional_text("scope_value")?,
            limit: row.int("tps")?,
        },
    })
}

fn certificate(row: &impl Columns) -> Result<CaCertificate> {
    Ok(CaCertificate {
        key: row.int("certificate_key")?,
        certificate_id: rows::id(CertificateId::parse(&row.text("certificate_id")?))?,
        app_id: app_id(row)?,
        pem: row.text("pem")?,
        created: Timestamp(row.int("created_ms")?),
    })
}

fn push_scope(query: &mut Statement, column: &str, scoped: Option<bool>, app: Option<&String>) {
    if let Some(scoped) = scoped {
        let not = if scoped { "NOT " } else { "" };
        query.push(format!(" AND {column} IS {not}NULL"));
    }
    if let Some(app) = app {
        query.push(format!(" AND {column} = ")).push_bind(app.clone());
    }
}

fn push_equal(query: &mut Statement, column: &str, value: Option<&String>) {
    if let Some(value) = value {
        query.push(format!(" AND {column} = ")).push_bind(value.clone());
    }
}

fn push_policy(query: &mut Statement, filter: &PolicyFilter) {
    push_equal(query, "name", filter.name.as_ref());
    push_equal(query, "scope", filter.scope.as_ref());
    push_equal(query, "scope_value", filter.scope_value.as_ref());
}

fn action(row: &impl Columns, secrets: &SecretBox) -> Result<Action> {
    let action_id = rows::id(ActionId::parse(&row.text("action_id")?))?;
    let open = |column: &str, what: &str| -> Result<Option<Secret>> {
        let sealed = row.optional_bytes(column)?;
        let open = |sealed: Vec<u8>| {
            let opened = secrets.open(&sealed, &binding(&action_id, what));
            opened.map_err(|error| StoreError::Corrupt(format!("action {action_id}: {error}")))
        };
        sealed.map(open).transpose()
    };
    let until = row.optional_int("previous_until_ms")?;
    let signing = SigningSecrets {
        current: open("signing", SIGNING)?
            .ok_or_else(|| StoreError::Corrupt(format!("action {action_id} has no secret")))?,
        previous: open("previous_signing", PREVIOUS_SIGNING)?.zip(until.map(Timestamp)),
    };
    let credentials = open("credentials", CREDENTIALS)?;
    let dead_letter_action = row.optional_text("dead_letter_action")?;
    Ok(Action {
        key: ActionKey(row.int("action_key")?),
        rule_id: rows::id(RuleId::parse(&row.text("rule_id")?))?,
        app_id: app_id(row)?,
        channel: row.text("channel")?,
        detail: row.text("detail")?,
        credentials,
        signing,
        dead_letter_action: dead_letter_action
            .map(|found| rows::id(ActionId::parse(&found)))
            .transpose()?,
        paused: row.flag("paused")?,
        after: Position(row.int("after_position")?),
        created: Timestamp(row.int("created_ms")?),
        action_id,
    })
}

async fn one<S: SqlStore, T>(
    store: &S,
    select: &str,
    column: &str,
    id: &str,
    read: impl Fn(&S::Row) -> Result<T>,
) -> Result<Option<T>> {
    let sql = format!("{select} WHERE {column} = $1");
    let row = store.row(Statement::new(sql).bind(id)).await?;
    row.map(|row| read(&row)).transpose()
}

/// Makes a change; false: there is nothing to change.
async fn changed(store: &impl SqlStore, change: RoutingChange, told: Told<()>, bytes: usize) -> Result<bool> {
    let change = Change::Routing(Box::new(change), told);
    let outcome: RoutingOutcome = store.change(change, bytes).await?;
    Ok(outcome == RoutingOutcome::Done)
}

/// A record that was just made and is gone already.
fn gone<T>(record: Option<T>) -> Result<T> {
    record.ok_or_else(|| StoreError::Unavailable("it was deleted at once".to_owned()))
}

#[async_trait]
impl<S: SqlStore> RoutingStore for S {
    async fn create_rule(&self, new: NewRule, change: Told<()>) -> Result<Rule> {
        let id = new.rule_id.clone();
        changed(self, RoutingChange::CreateRule(new), change, 8192).await?;
        gone(self.rule(&id).await?)
    }

    async fn rule(&self, rule_id: &RuleId) -> Result<Option<Rule>> {
        one(self, RULE, "rule_id", rule_id.as_str(), rule).await
    }

    async fn list_rules(&self, filter: &RuleFilter, page: PageRequest) -> Result<Page<Rule>> {
        let conditions = |query: &mut Statement| {
            push_equal(query, "resource", filter.resource.as_ref());
            push_equal(query, "event", filter.event.as_ref());
            push_equal(query, "name", filter.name.as_ref());
            push_scope(query, "app_id", filter.scoped, filter.app_id.as_ref());
            if let Some(active) = filter.active {
                query.push(" AND active = ").push_bind(active);
            }
        };
        let (found, total) = page_of(self, RULE, ("rules", "rule_key"), page, conditions).await?;
        let items = found.iter().map(rule).collect::<Result<_>>()?;
        Ok(Page { items, total })
    }

    async fn update_rule(
        &self,
        rule_id: &RuleId,
        patch: RulePatch,
        change: Told<()>,
    ) -> Result<Option<Rule>> {
        let update = RoutingChange::UpdateRule(rule_id.clone(), patch);
        if !changed(self, update, change, 8192).await? {
            return Ok(None);
        }
        self.rule(rule_id).await
    }

    async fn delete_rule(&self, rule_id: &RuleId, change: Told<()>) -> Result<bool> {
        changed(self, RoutingChange::DeleteRule(rule_id.clone()), change, 0).await
    }

    async fn rule_versions(&self) -> Result<Vec<RuleVersion>> {
        let found = Statement::new(
            "SELECT r.rule_id, r.name, r.description, r.resource, r.event, r.app_id, v.after_position, v.active,
                 v.select_text, v.where_text
             FROM rule_versions v JOIN rules r ON r.rule_key = v.rule_key ORDER BY v.rule_key, v.after_position",
        );
        let found = self.rows(found).await?;
        found.iter().map(rule_version).collect()
    }

    async fn create_action(&self, new: NewAction, change: Told<()>) -> Result<Option<Action>> {
        let id = new.action_id.clone();
        if !changed(self, RoutingChange::CreateAction(new), change, 8192).await? {
            return Ok(None);
        }
        self.action(&id).await
    }

    async fn action(&self, action_id: &ActionId) -> Result<Option<Action>> {
        let read = |row: &S::Row| action(row, self.secrets());
        one(self, ACTION, "a.action_id", action_id.as_str(), read).await
    }

    async fn actions(&self) -> Result<Vec<Action>> {
        let found = Statement::new(format!("{ACTION} ORDER BY a.action_key"));
        let found = self.rows(found).await?;
        found.iter().map(|row| action(row, self.secrets())).collect()
    }

    async fn list_actions(&self, filter: &ActionFilter, page: PageRequest) -> Result<Page<Action>> {
        let conditions = |query: &mut Statement| {
            push_equal(query, "channel", filter.channel.as_ref());
            query.push(" AND a.rule_key IN (SELECT rule_key FROM rules WHERE 1 = 1");
            push_equal(query, "rule_id", filter.rule_id.as_ref());
            push_scope(query, "app_id", filter.scoped, filter.app_id.as_ref());
            query.push(")");
        };
        let (found, total) = page_of(self, ACTION, ("actions a", "a.action_key"), page, conditions).await?;
        let items = found
            .iter()
            .map(|row| action(row, self.secrets()))
            .collect::<Result<_>>()?;
        Ok(Page { items, total })
    }

    async fn update_action(
        &self,
        action_id: &ActionId,
        patch: ActionPatch,
        change: Told<()>,
    ) -> Result<Option<Action>> {
        let update = RoutingChange::UpdateAction(action_id.clone(), patch);
        if !changed(self, update, change, 8192).await? {
            return Ok(None);
        }
        self.action(action_id).await
    }

    async fn delete_action(&self, action_id: &ActionId, change: Told<()>) -> Result<bool> {
        changed(self, RoutingChange::DeleteAction(action_id.clone()), change, 0).await
    }

    async fn create_backlog(
        &self,
        policy_id: PolicyId,
        text: BacklogText,
        change: Told<()>,
    ) -> Result<BacklogPolicy> {
        let create = RoutingChange::CreateBacklog(policy_id.clone(), text);
        changed(self, create, change, 1024).await?;
        gone(self.backlog(&policy_id).await?)
    }

    async fn backlog(&self, policy_id: &PolicyId) -> Result<Option<BacklogPolicy>> {
        one(self, BACKLOG, "policy_id", policy_id.as_str(), backlog).await
    }

    async fn list_backlogs(&self, filter: &PolicyFilter, page: PageRequest) -> Result<Page<BacklogPolicy>> {
        let table = ("backlog_policies", "policy_key");
        let conditions = |query: &mut Statement| push_policy(query, filter);
        let (found, total) = page_of(self, BACKLOG, table, page, conditions).await?;
        let items = found.iter().map(backlog).collect::<Result<_>>()?;
        Ok(Page { items, total })
    }

    async fn update_backlog(
        &self,
        policy_id: &PolicyId,
        text: BacklogText,
        change: Told<()>,
    ) -> Result<Option<BacklogPolicy>> {
        let update = RoutingChange::UpdateBacklog(policy_id.clone(), text);
        if !changed(self, update, change, 1024).await? {
            return Ok(None);
        }
        self.backlog(policy_id).await
    }

    async fn delete_backlog(&self, policy_id: &PolicyId, change: Told<()>) -> Result<bool> {
        changed(self, RoutingChange::DeleteBacklog(policy_id.clone()), change, 0).await
    }

    async fn create_flow_control(
        &self,
        policy_id: PolicyId,
        text: FlowControlText,
        change: Told<()>,
    ) -> Result<FlowControlPolicy> {
        let create = RoutingChange::CreateFlowControl(policy_id.clone(), text);
        changed(self, create, change, 1024).await?;
        gone(self.flow_control(&policy_id).await?)
    }

    async fn flow_control(&self, policy_id: &PolicyId) -> Result<Option<FlowControlPolicy>> {
        one(self, FLOW_CONTROL, "policy_id", policy_id.as_str(), flow_control).await
    }

    async fn list_flow_controls(
        &self,
        filter: &PolicyFilter,
        page: PageRequest,
    ) -> Result<Page<FlowControlPolicy>> {
        let table = ("flow_control_policies", "policy_key");
        let conditions = |query: &mut Statement| push_policy(query, filter);
        let (found, total) = page_of(self, FLOW_CONTROL, table, page, conditions).await?;
        let items = found.iter().map(flow_control).collect::<Result<_>>()?;
        Ok(Page { items, total })
    }

    async fn update_flow_control(
        &self,
        policy_id: &PolicyId,
        text: FlowControlText,
        change: Told<()>,
    ) -> Result<Option<FlowControlPolicy>> {
        let update = RoutingChange::UpdateFlowControl(policy_id.clone(), text);
        if !changed(self, update, change, 1024).await? {
            return Ok(None);
        }
        self.flow_control(policy_id).await
    }

    async fn delete_flow_control(&self, policy_id: &PolicyId, change: Told<()>) -> Result<bool> {
        changed(
            self,
            RoutingChange::DeleteFlowControl(policy_id.clone()),
            change,
            0,
        )
        .await
    }

    async fn create_certificate(
        &self,
        certificate_id: CertificateId,
        app_id: Option<AppId>,
        pem: String,
        change: Told<()>,
    ) -> Result<CaCertificate> {
        let bytes = pem.len();
        let create = RoutingChange::CreateCertificate(certificate_id.clone(), app_id, pem);
        changed(self, create, change, bytes).await?;
        gone(self.certificate(&certificate_id).await?)
    }

    async fn certificate(&self, certificate_id: &CertificateId) -> Result<Option<CaCertificate>> {
        one(
            self,
            CERTIFICATE,
            "certificate_id",
            certificate_id.as_str(),
            certificate,
        )
        .await
    }

    async fn list_certificates(
        &self,
        app_id: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<CaCertificate>> {
        let app_id = app_id.map(str::to_owned);
        let conditions = |query: &mut Statement| push_scope(query, "app_id", None, app_id.as_ref());
        let table = ("ca_certificates", "certificate_key");
        let (found, total) = page_of(self, CERTIFICATE, table, page, conditions).await?;
        let items = found.iter().map(certificate).collect::<Result<_>>()?;
        Ok(Page { items, total })
    }

    async fn update_certificate(
        &self,
        certificate_id: &CertificateId,
        pem: String,
        change: Told<()>,
    ) -> Result<Option<CaCertificate>> {
        let bytes = pem.len();
        let update = RoutingChange::UpdateCertificate(certificate_id.clone(), pem);
        if !changed(self, update, change, bytes).await? {
            return Ok(None);
        }
        self.certificate(certificate_id).await
    }

    async fn delete_certificate(&self, certificate_id: &CertificateId, change: Told<()>) -> Result<bool> {
        let delete = RoutingChange::DeleteCertificate(certificate_id.clone());
        changed(self, delete, change, 0).await
    }
}
