//! Resource spaces.

use super::super::commit::SqliteCommit;
use super::super::{rows, unavailable};
use crate::domain::ids::AppId;
use crate::storage::{App, AppDeletion, Change as Told, Result};

impl SqliteCommit {
    pub(in super::super) async fn create_app(
        &mut self,
        app_id: AppId,
        name: String,
        told: Told<App>,
    ) -> Result<App> {
        sqlx::query("INSERT INTO apps (app_id, name, is_default, created_ms) VALUES (?, ?, 0, ?)")
            .bind(app_id.as_str())
            .bind(&name)
            .bind(told.at.0)
            .execute(self.connection())
            .await
            .map_err(unavailable)?;
        let created = told.at;
        self.done(told.at, told.request_id, told.deed).await?;
        Ok(App {
            app_id,
            name,
            is_default: false,
            created,
        })
    }

    pub(in super::super) async fn rename_app(
        &mut self,
        app_id: &AppId,
        name: &str,
        told: Told<App>,
    ) -> Result<Option<App>> {
        let update = sqlx::query("UPDATE apps SET name = ? WHERE app_id = ?")
            .bind(name)
            .bind(app_id.as_str());
        update.execute(self.connection()).await.map_err(unavailable)?;
        let Some(app) = self.app(app_id).await? else {
            return Ok(None);
        };
        self.done(told.at, told.request_id, told.deed).await?;
        Ok(Some(app))
    }

    pub(in super::super) async fn delete_app(
        &mut self,
        app_id: &AppId,
        told: Told<App>,
    ) -> Result<AppDeletion> {
        let Some(app) = self.app(app_id).await? else {
            return Ok(AppDeletion::NotFound);
        };
        if app.is_default {
            return Ok(AppDeletion::IsDefault);
        }
        let used = sqlx::query("SELECT 1 FROM products JOIN apps USING (app_key) WHERE app_id = ? LIMIT 1");
        let used = used.bind(app_id.as_str()).fetch_optional(self.connection()).await;
        if used.map_err(unavailable)?.is_some() {
            return Ok(AppDeletion::HasProducts);
        }
        let delete = sqlx::query("DELETE FROM apps WHERE app_id = ?").bind(app_id.as_str());
        delete.execute(self.connection()).await.map_err(unavailable)?;
        self.done(told.at, told.request_id, told.deed).await?;
        Ok(AppDeletion::Deleted)
    }

    async fn app(&mut self, app_id: &AppId) -> Result<Option<App>> {
        let row = sqlx::query("SELECT * FROM apps WHERE app_id = ?").bind(app_id.as_str());
        let row = row.fetch_optional(self.connection()).await.map_err(unavailable)?;
        row.map(|row| rows::app(&row)).transpose()
    }
}
