//! What the server tells about: whether the agent is ready, how its components are, what was counted.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use longship_pipeline::Pipeline;
use longship_pipeline::plan::Plan;
use metrics::{counter, describe_counter, describe_gauge, gauge};

use super::exposition::{self, Recorder};

/// The state of the agent as seen from outside. Not ready until [`Self::loaded`] is called.
#[derive(Default)]
pub struct State {
    running: RwLock<Option<Running>>,
}

/// A configuration that is running.
#[derive(Clone)]
struct Running {
    plan: Arc<Plan>,
    pipeline: Arc<Pipeline>,
    components: Vec<Component>,
}

/// A component of the configuration that is running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Its kind and label, such as `loki.write.default`.
    pub id: String,
    /// Its kind, such as `loki.write`.
    pub name: String,
    /// Whether it does what it is to do.
    pub is_healthy: bool,
}

/// The data plane did not tell what it counted in time.
#[derive(Debug)]
pub(super) struct NoSnapshot;

/// How long the data plane may take for a snapshot.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(5);

impl State {
    /// The state of an agent that has not loaded its configuration.
    pub fn new() -> Self {
        describe();
        gauge!("longship_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        counter!("alloy_config_load_failures_total").increment(0);
        gauge!("alloy_config_last_load_successful").set(0.0);
        Self::default()
    }

    /// Says which configuration is running from now on, and makes the agent ready.
    pub fn loaded(&self, plan: Arc<Plan>, pipeline: Arc<Pipeline>, components: Vec<Component>) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        gauge!("alloy_config_last_load_successful").set(1.0);
        gauge!("alloy_config_last_load_success_timestamp_seconds").set(now.as_secs_f64());
        count_components(&components);
        let mut running = self.running.write().unwrap_or_else(PoisonError::into_inner);
        *running = Some(Running { plan, pipeline, components });
    }

    /// Says how a component is.
    pub fn set_health(&self, component_id: &str, is_healthy: bool) {
        let mut running = self.running.write().unwrap_or_else(PoisonError::into_inner);
        let Some(running) = running.as_mut() else { return };
        for component in running.components.iter_mut().filter(|component| component.id == component_id) {
            component.is_healthy = is_healthy;
        }
        count_components(&running.components);
    }

    /// Whether a configuration is running.
    pub fn is_ready(&self) -> bool {
        self.running.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The names of the components that are not healthy, each as often as there are such components.
    pub fn unhealthy(&self) -> Vec<String> {
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner);
        let components = running.iter().flat_map(|running| &running.components);
        components.filter(|component| !component.is_healthy).map(|component| component.name.clone()).collect()
    }

    /// Everything that was counted, as text for Prometheus.
    pub(super) async fn metrics(&self) -> Result<String, NoSnapshot> {
        let recorder = Recorder::global();
        let running = self.running.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(running) = running else { return Ok(exposition::page(recorder, None)) };
        match tokio::time::timeout(SNAPSHOT_TIMEOUT, running.pipeline.snapshot()).await {
            Ok(snapshot) => Ok(exposition::page(recorder, Some((&running.plan, &snapshot)))),
            Err(_) => Err(NoSnapshot),
        }
    }
}

fn describe() {
    // The macros lead nowhere before this.
    Recorder::global();
    describe_gauge!("longship_build_info", "The version that is running; always 1.");
    describe_counter!("alloy_config_load_failures_total", "Configurations that could not be loaded.");
    describe_gauge!("alloy_config_last_load_successful", "Whether the last load of the configuration succeeded.");
    describe_gauge!(
        "alloy_config_last_load_success_timestamp_seconds",
        "When a configuration was last loaded, in seconds since 1970."
    );
    describe_gauge!("alloy_component_controller_running_components", "Components that are running, by their health.");
}

fn count_components(components: &[Component]) {
    for (health, is_healthy) in [("healthy", true), ("unhealthy", false)] {
        let labels = [("controller_id", ""), ("controller_path", "/"), ("health_type", health)];
        let count = components.iter().filter(|component| component.is_healthy == is_healthy).count();
        gauge!("alloy_component_controller_running_components", &labels).set(count as f64);
    }
}
