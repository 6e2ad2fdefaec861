//! A connection that is logged in, with a table that can be used and statements that are prepared.

use tokio::sync::OnceCell;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row, SimpleQueryMessage, Statement};

use super::failure::{cannot_make, failure, read_only};
use super::request::Request;
use super::server::Server;
use super::sql::{VERSION, Verb};
use crate::StoreError;

/// The client's end of a connection.
pub(super) struct Link {
    client: Client,
    prepared: [OnceCell<Statement>; Verb::COUNT],
}

impl Link {
    /// Sees to it that there is a table.
    pub(super) async fn new(client: Client, server: &Server) -> Result<Self, StoreError> {
        if server.has_to_be_writable()
            && !is_writable(&client).await.map_err(|error| failure(&error, &server.table))?
        {
            return Err(read_only());
        }
        let version = match version(&client, server).await {
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => {
                let made = client.batch_execute(&server.table.make()).await;
                made.map_err(|error| cannot_make(&error, &server.table))?;
                version(&client, server).await
            }
            version => version,
        };
        match version.map_err(|error| failure(&error, &server.table))? {
            Some(VERSION) => Ok(Self { client, prepared: Default::default() }),
            Some(version) if version > VERSION => Err(StoreError::Refused(
                "a newer version of Jam made the PostgreSQL table; use that version, or another table".into(),
            )),
            _ => Err(StoreError::Refused(
                "the PostgreSQL table has no version that Jam knows; use another table".into(),
            )),
        }
    }

    pub(super) async fn ask(&self, request: &Request, server: &Server) -> Result<Vec<Row>, Error> {
        let Request { verb, parameters } = request;
        let text = server.statements.of(*verb);
        let types = || parameters.iter().map(super::request::Parameter::type_);
        if !server.prepared_statements {
            let typed: Vec<(&(dyn ToSql + Sync), Type)> =
                parameters.iter().zip(types()).map(|(parameter, type_)| (parameter as _, type_)).collect();
            return self.client.query_typed(text, &typed).await;
        }
        let prepare = || async { self.client.prepare_typed(text, &types().collect::<Vec<_>>()).await };
        let statement = match self.prepared[*verb as usize].get() {
            Some(statement) => statement,
            None => self.prepared[*verb as usize].get_or_try_init(prepare).await?,
        };
        let values: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|parameter| parameter as _).collect();
        self.client.query(statement, &values).await
    }

    pub(super) fn has_ended(&self) -> bool {
        self.client.is_closed()
    }
}

/// Without preparing anything, as a pooler may not know how.
async fn version(client: &Client, server: &Server) -> Result<Option<i32>, Error> {
    let version = first_value(client, &server.table.version()).await?;
    Ok(version.and_then(|version| version.parse().ok()))
}

async fn is_writable(client: &Client) -> Result<bool, Error> {
    Ok(first_value(client, "SHOW transaction_read_only").await?.as_deref() == Some("off"))
}

async fn first_value(client: &Client, text: &str) -> Result<Option<String>, Error> {
    let messages = client.simple_query(text).await?;
    let mut rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    Ok(rows.next())
}
