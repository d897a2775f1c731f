//! Serves HTTP and runs jobs until told to stop.

use std::{future::IntoFuture, net::SocketAddr, sync::Arc};

use axum::{ServiceExt, extract::Request, middleware};
use tokio::{net::TcpListener, sync::watch};

use crate::{app::App, audit, http, jobs, mail, publish};

/// Serves until `stop` resolves; then lets running requests and jobs end.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    serve_with(app, listener, axum::Router::new(), stop).await
}

/// [`serve`], with further pages.
pub async fn serve_with(
    app: Arc<App>,
    listener: TcpListener,
    pages: axum::Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (tell, told) = watch::channel(false);
    let stopped = |mut told: watch::Receiver<bool>| async move { drop(told.wait_for(|stop| *stop).await) };
    let jobs = tokio::spawn(jobs::serve(Arc::clone(&app), stopped(told.clone())));
    let mails = tokio::spawn(mail::serve(Arc::clone(&app), stopped(told.clone())));
    let catalog = tokio::spawn(publish::serve(Arc::clone(&app)));
    // It ends last: what the others posted until then is signed.
    let (end, ended) = watch::channel(false);
    let auditor = tokio::spawn(audit::serve(Arc::clone(&app), stopped(ended)));
    let routes = http::router(Arc::clone(&app)).merge(pages);
    // Outside the router, since it changes the path that is routed.
    let service = tower_layer(routes);
    let server =
        axum::serve(listener, ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(service))
            .with_graceful_shutdown(stopped(told));
    let server = tokio::spawn(server.into_future());
    stop.await;
    tell.send_replace(true);
    // Idle keep-alive connections must not hold up the stop.
    let drained = tokio::time::timeout(std::time::Duration::from_secs(10), server).await;
    drop(tokio::time::timeout(std::time::Duration::from_secs(12), jobs).await);
    drop(tokio::time::timeout(std::time::Duration::from_secs(6), mails).await);
    catalog.abort();
    // What was logged until now is kept.
    drop(tokio::time::timeout(std::time::Duration::from_secs(2), app.logs.flush(&app.store)).await);
    end.send_replace(true);
    drop(tokio::time::timeout(std::time::Duration::from_secs(5), auditor).await);
    match drained {
        Ok(Ok(result)) => result,
        _ => Ok(()),
    }
}

fn tower_layer(
    routes: axum::Router,
) -> impl tower::Service<Request, Response = axum::response::Response, Error = std::convert::Infallible, Future: Send> + Clone
{
    tower::Layer::layer(&middleware::from_fn(http::collapse_slashes), routes)
}
