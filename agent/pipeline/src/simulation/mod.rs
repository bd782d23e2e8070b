//! Whole shards against a plain model: everything outside of them is decided by a seed.
//!
//! A seed decides files, rotations, short reads, lost signals, slow disks, refusals, resets and answers that never come,
//! kills and restarts, and clocks that jump. In the end every line must have been received under its label set, in
//! order, none twice without a reason, and one that was sent twice under one time.
//!
//! `LONGSHIP_SIMULATION_SEED=n` runs one seed and prints what happens; `LONGSHIP_SIMULATION_SEEDS=n` runs that many.

mod sink;
mod world;
mod writers;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::budget::Budget;
use crate::encode::compress::Compression;
use crate::environment::Answer;
use crate::plan::{
    Authentication, Destination, DestinationKind, Endpoint, Plan, Retry, Route, Source, SourceIndex, Stage, Tls, Write,
    WriteIndex,
};
use crate::positions::restored::Restored;
use crate::random::Random;
use crate::shard::{LogTargets, Shard, ShardSetup};
use sink::Sink;
use world::{MS, SimulatedEnvironment, Weather, World};
use writers::{Format, Writer};

/// How many seeds are run if nothing else is said.
const SEEDS: u64 = 10_000;

/// One run.
struct Simulation {
    world: Rc<RefCell<World>>,
    writers: Vec<Writer>,
    shards: Vec<Shard<SimulatedEnvironment>>,
    due_ns: Vec<u64>,
    settings: Settings,
    budget: Budget,
    tokens: Budget,
    compression: Compression,
    kills: u64,
}

/// What a seed decides about the agent.
#[derive(Clone, Debug)]
struct Settings {
    shards: usize,
    destinations: usize,
    batch_wait_ms: u64,
    batch_bytes_max: usize,
    budget_bytes: u64,
    tokens_bytes: u64,
    long_lines: bool,
    steps: u64,
    kills: bool,
    /// Targets are the files that are there, as a scan now and then finds them; else all, whether they are there or not.
    scans: bool,
    formats: Vec<Format>,
}

impl Settings {
    fn new(random: &mut Random) -> Self {
        let formats = (0..1 + random.below(4)).map(|_| match random.below(5) {
            0 => Format::Plain { identical: true },
            1 | 2 => Format::Plain { identical: false },
            _ => Format::Cri,
        });
        let formats = formats.collect();
        Self {
            shards: 1 + random.below(2) as usize,
            destinations: if random.once_in(5) { 2 } else { 1 },
            batch_wait_ms: [10, 100, 1000][random.below(3) as usize],
            batch_bytes_max: [200, 1_000, 10_000][random.below(3) as usize],
            budget_bytes: [20_000, 100_000, 1 << 20][random.below(3) as usize],
            tokens_bytes: [500, 5_000, 50_000][random.below(3) as usize],
            long_lines: random.once_in(4),
            steps: 50 + random.below(300),
            kills: random.once_in(2),
            scans: random.once_in(2),
            formats,
        }
    }
}

fn weather(random: &mut Random) -> Weather {
    Weather {
        inotify: random.below(4) > 0,
        signal_loss: if random.once_in(3) { 5 } else { 0 },
        short_reads: if random.once_in(2) { 3 } else { 0 },
        slow_disk: random.once_in(3),
        failures: [0, 0, 2, 5, 20][random.below(5) as usize],
        slow_journal: random.once_in(3),
        births: random.below(3) > 0,
    }
}

impl Simulation {
    fn new(seed: u64, trace: bool) -> Self {
        let mut random = Random::new(seed);
        let settings = Settings::new(&mut random);
        let weather = weather(&mut random);
        let mut world = World::new(random.next(), weather, settings.shards, Sink::default());
        world.trace = trace;
        world.say(|| format!("{settings:?} {:?}", world.weather));
        let writers = settings.formats.iter().enumerate().map(|(at, format)| Writer::new(at, *format));
        let mut writers: Vec<Writer> = writers.collect();
        if settings.kills || settings.scans {
            // A file that was renamed before any life of the agent opened it is not found later.
            writers.iter_mut().for_each(|writer| writer.step(&mut world, false));
        }
        let mut simulation = Self {
            world: Rc::new(RefCell::new(world)),
            writers,
            shards: Vec::new(),
            due_ns: Vec::new(),
            budget: Budget::new(settings.budget_bytes),
            tokens: Budget::new(settings.tokens_bytes),
            settings,
            compression: if seed.is_multiple_of(4) { Compression::None } else { Compression::Snappy },
            kills: 0,
        };
        simulation.start();
        simulation
    }

    fn plan(&self) -> Plan {
        let retry = Retry {
            backoff_min: Duration::from_millis(10),
            backoff_max: Duration::from_secs(1),
            attempts_max: None,
            retry_on_429: true,
        };
        let endpoint = |_| Endpoint {
            url: String::new(),
            tenant_id: String::new(),
            headers: Vec::new(),
            user_agent: String::new(),
            authentication: Authentication::None,
            tls: Tls::default(),
            request_timeout: Duration::from_secs(10),
            retry: retry.clone(),
        };
        let destination = |number: usize| Destination {
            name: number.to_string(),
            batch_wait: Duration::from_millis(self.settings.batch_wait_ms),
            batch_bytes_max: self.settings.batch_bytes_max,
            kind: DestinationKind::Loki(Box::new(endpoint(number))),
        };
        // Each destination has a write component of its own with a label that tells it apart.
        let write = |number: usize| Write {
            component_id: format!("loki.write.w{number}"),
            external_labels: vec![("to".to_owned(), number.to_string())],
            destinations: vec![destination(number)],
        };
        let route = |number: usize| Route {
            stages: vec![Stage::Cri { partial_bytes_max: None }],
            write: WriteIndex(u16::try_from(number).expect("few")),
        };
        let source = Source {
            component_id: "loki.source.file.f".to_owned(),
            tail_from_end: false,
            routes: (0..self.settings.destinations).map(route).collect(),
        };
        Plan { sources: vec![source], writes: (0..self.settings.destinations).map(write).collect() }
    }

    fn start(&mut self) {
        let restored = Arc::new(Restored::read(&self.world.borrow().journal));
        for file in restored.files() {
            self.world.borrow().say(|| format!("known: {file:?}"));
        }
        self.budget = Budget::new(self.settings.budget_bytes);
        self.tokens = Budget::new(self.settings.tokens_bytes);
        for index in 0..self.settings.shards {
            let env = SimulatedEnvironment { world: Rc::clone(&self.world), shard: index };
            let setup = ShardSetup {
                index,
                shards: self.settings.shards,
                plan: self.plan(),
                budget: self.budget.clone(),
                tokens: self.tokens.clone(),
                compression: self.compression,
                restored: Arc::clone(&restored),
            };
            let mut shard = Shard::new(env, setup);
            shard.set_targets(SourceIndex(0), &self.targets(index));
            self.due_ns.push(shard.turn());
            self.shards.push(shard);
        }
    }

    /// What a shard is to follow now.
    fn targets(&self, shard: usize) -> Vec<LogTargets> {
        let world = self.world.borrow();
        let is_there = |writer: &Writer| !self.settings.scans || world.files.names.contains_key(&writer.path);
        let own = self.writers.iter().enumerate().filter(|(at, _)| at % self.settings.shards == shard);
        own.filter(|(_, writer)| is_there(writer))
            .map(|(_, writer)| LogTargets {
                path: writer.path.clone(),
                label_sets: vec![vec![("filename".to_owned(), writer.path.display().to_string())]],
            })
            .collect()
    }

    /// Has every shard follow what is there now.
    fn scan(&mut self) {
        self.world.borrow().say(|| "scan".to_owned());
        for index in 0..self.shards.len() {
            let targets = self.targets(index);
            self.shards[index].set_targets(SourceIndex(0), &targets);
            self.due_ns[index] = self.shards[index].turn();
        }
    }

    fn kill(&mut self) {
        self.world.borrow().say(|| "kill".to_owned());
        self.kills += 1;
        self.shards.clear();
        self.due_ns.clear();
        let mut world = self.world.borrow_mut();
        world.kill(self.settings.shards);
        world.sink.forget_under_way();
        if world.random.once_in(2) {
            self.settings.shards = 1 + world.random.below(2) as usize;
            let shards = self.settings.shards;
            world.kill(shards);
        }
    }

    /// Tells shards what is done by now, and gives each one that was told something, or is due, its turn.
    fn complete(&mut self) {
        for index in 0..self.shards.len() {
            let now_ns = self.world.borrow().now_ns;
            let mut told = self.due_ns[index] <= now_ns;
            told |= self.complete_reads(index, now_ns);
            told |= self.complete_requests(index, now_ns);
            loop {
                let mut world = self.world.borrow_mut();
                let Some((_, number, bytes)) = world.shards[index].journal.pop_front_if(|(due, ..)| *due <= now_ns)
                else {
                    break;
                };
                world.journal.extend_from_slice(&bytes);
                drop(world);
                self.shards[index].on_journal_written(number);
                told = true;
            }
            while now_ns >= self.shards[index].signals_from_ns()
                && let Some(signal) = { self.world.borrow_mut().shards[index].signals.pop_front() }
            {
                self.shards[index].on_signal(signal.borrow());
                told = true;
            }
            while let Some(remainder) = { self.world.borrow_mut().shards[index].remainders.pop_front() } {
                self.shards[index].on_remainder(remainder);
                told = true;
            }
            while let Some(settled) = { self.world.borrow_mut().shards[index].settled.pop_front() } {
                self.shards[index].on_remainder_settled(settled);
                told = true;
            }
            if told {
                self.due_ns[index] = self.shards[index].turn();
            }
        }
    }

    fn complete_reads(&mut self, index: usize, now_ns: u64) -> bool {
        let mut told = false;
        loop {
            let mut world = self.world.borrow_mut();
            let reads = &mut world.shards[index].reads;
            let Some(at) = reads.iter().position(|read| read.due_ns <= now_ns) else { return told };
            let read = reads.swap_remove(at);
            let content = &world.files.inodes[&read.inode].content;
            let start = content.len().min(usize::try_from(read.ticket.offset).expect("small"));
            let mut end = content.len().min(start + read.ticket.bytes);
            let bytes = content[start..end].to_vec();
            let short_reads = world.weather.short_reads;
            if short_reads > 0 && world.random.once_in(short_reads) {
                end = start + world.random.below((end - start) as u64 + 1) as usize;
            }
            world.shards[index].release(read.size);
            drop(world);
            self.shards[index].on_read(read.ticket, Ok(&bytes[..end - start]));
            told = true;
        }
    }

    fn complete_requests(&mut self, index: usize, now_ns: u64) -> bool {
        let mut told = false;
        loop {
            let mut world = self.world.borrow_mut();
            let requests = &mut world.shards[index].requests;
            let Some(at) = requests.iter().position(|request| request.due_ns <= now_ns) else { return told };
            let request = requests.swap_remove(at);
            let accepted = matches!(&request.answer, Answer::Response { status: 204, .. });
            world.sink.answered(index, request.ticket, request.received, accepted);
            drop(world);
            self.shards[index].on_answer(request.ticket, &request.answer, request.body);
            told = true;
        }
    }

    /// Lets time pass until the next thing is due, but at most to `until_ns`.
    fn pass_time(&mut self, until_ns: u64) {
        loop {
            self.complete();
            let mut world = self.world.borrow_mut();
            let next = world.next_completion_ns().into_iter().chain(self.due_ns.iter().copied()).min();
            let next = next.unwrap_or(u64::MAX).min(until_ns).max(world.now_ns);
            let pending =
                world.shards.iter().any(|pending| !pending.remainders.is_empty() || !pending.settled.is_empty());
            if pending {
                continue;
            }
            if next >= until_ns {
                world.now_ns = until_ns;
                return;
            }
            // A shard that is due at once again must not stop the clock.
            world.now_ns = next.max(world.now_ns + 1_000);
        }
    }

    fn run(&mut self) {
        // A file that was renamed before the journal knew it is not found by a later life.
        self.pass_time(1_000 * MS);
        for _ in 0..self.settings.steps {
            let (pause, kill, jump, writer) = {
                let mut world = self.world.borrow_mut();
                let longest = if world.random.once_in(10) { 2_000 } else { 10 };
                let pause = world.random.below(longest) * MS;
                let kill = self.settings.kills && world.random.once_in(40);
                let jump = world.random.once_in(50);
                (pause, kill, jump, world.random.below(self.writers.len() as u64) as usize)
            };
            if jump {
                let mut world = self.world.borrow_mut();
                let back = !self.settings.kills && world.weather.inotify;
                world.jump_clock(back);
            }
            if kill {
                self.kill();
            }
            // Nothing runs for a while after a kill, and the writers write on.
            for _ in 0..1 + if kill { self.world.borrow_mut().random.below(30) } else { 0 } {
                let long_lines = self.settings.long_lines;
                self.writers[writer].step(&mut self.world.borrow_mut(), long_lines);
            }
            if kill {
                self.start();
            } else if self.settings.scans && self.world.borrow_mut().random.once_in(3) {
                self.scan();
            }
            let until_ns = self.world.borrow().now_ns + pause;
            self.pass_time(until_ns);
        }
    }

    /// Ends all trouble and waits until nothing is left to do.
    fn drain(&mut self) {
        {
            let mut world = self.world.borrow_mut();
            world.weather.failures = 0;
            for writer in &mut self.writers {
                writer.finish(&mut world);
            }
        }
        self.scan();
        // Longer than the longest back-off, poll and sweep of an active file, and the flush of open records.
        for _ in 0..400 {
            let until_ns = self.world.borrow().now_ns + 200 * MS;
            self.pass_time(until_ns);
        }
        for shard in &mut self.shards {
            shard.stop();
        }
        for index in 0..self.shards.len() {
            self.due_ns[index] = 0;
        }
        for _ in 0..20 {
            let until_ns = self.world.borrow().now_ns + 200 * MS;
            self.pass_time(until_ns);
        }
    }

    fn check(&self) {
        for (index, shard) in self.shards.iter().enumerate() {
            assert!(shard.is_drained(), "shard {index} is not drained");
        }
        assert_eq!(self.tokens.used(), 0, "bytes sent and not answered");
        assert_eq!(self.budget.used(), 0, "bytes of the budget");
        let world = self.world.borrow();
        let mut expected = HashSet::new();
        for destination in 0..self.settings.destinations {
            for writer in &self.writers {
                for stream in ["", "stdout", "stderr"] {
                    let truth: Vec<&String> =
                        writer.truth.iter().filter(|(of, _)| *of == stream).map(|(_, line)| line).collect();
                    let labels = labels(&writer.path.display().to_string(), stream, destination);
                    let received = world.sink.streams.get(&labels).map_or(&[][..], Vec::as_slice);
                    self.check_stream(&world, &labels, writer.format, &truth, received);
                    expected.insert(labels);
                }
            }
        }
        for labels in world.sink.streams.keys() {
            assert!(expected.contains(labels), "{labels} is nobody's stream");
        }
        self.check_positions(&world);
    }

    fn check_stream(
        &self,
        world: &World,
        labels: &str,
        format: Format,
        truth: &[&String],
        received: &[(i64, String, usize)],
    ) {
        // Every copy of a line without a time of its own has the same read time, and no two lines share one, so the
        // times tell lines and their copies apart.
        let timed = matches!(format, Format::Cri) && !labels.contains("stream=");
        let by_time = timed || matches!(format, Format::Plain { .. });
        let mut first: Vec<&String> = Vec::new();
        let mut copies: HashMap<(i64, &String), Vec<usize>> = HashMap::new();
        let mut seen_times: BTreeMap<i64, &String> = BTreeMap::new();
        for (time_ns, line, request) in received {
            if by_time && let Some(other) = seen_times.insert(*time_ns, line) {
                assert_eq!(other, line, "{labels}: two lines have the read time {time_ns}");
            }
            let of = copies.entry((*time_ns, line)).or_default();
            if of.is_empty() {
                first.push(line);
            }
            of.push(*request);
        }
        for number in 0..first.len().max(truth.len()) {
            assert_eq!(first.get(number), truth.get(number), "{labels}: line {number} of {}", truth.len());
        }
        if self.kills == 0 {
            for ((_, line), requests) in copies {
                let answered = requests.iter().filter(|request| world.sink.answered.contains(request)).count();
                assert_eq!(answered, 1, "{labels}: {line:?} was accepted {answered} times");
            }
        }
    }

    /// A new life finds everything settled.
    fn check_positions(&self, world: &World) {
        let restored = Restored::read(&world.journal);
        for writer in &self.writers {
            let Some(number) = world.files.names.get(&writer.path) else { continue };
            let size = world.files.inodes[number].content.len() as u64;
            let mut positions =
                restored.files().filter(|file| file.identity.inode == *number).map(|file| file.position());
            assert!(positions.any(|position| position == size), "{} ends at {size}", writer.path.display());
        }
    }
}

fn labels(filename: &str, stream: &str, destination: usize) -> String {
    match stream {
        "" => format!("{{filename=\"{filename}\", to=\"{destination}\"}}"),
        _ => format!("{{filename=\"{filename}\", stream=\"{stream}\", to=\"{destination}\"}}"),
    }
}

fn run(seed: u64, trace: bool) {
    let mut simulation = Simulation::new(seed, trace);
    simulation.run();
    simulation.drain();
    simulation.check();
}

#[test]
fn every_seed_delivers_every_line() {
    let variable = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    if let Some(seed) = variable("LONGSHIP_SIMULATION_SEED") {
        return run(seed, true);
    }
    let seeds = variable("LONGSHIP_SIMULATION_SEEDS").unwrap_or(SEEDS);
    let next = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    let result = std::panic::catch_unwind(|| run(seed, false));
                    if let Err(panic) = result {
                        println!(
                            "seed {seed} fails; LONGSHIP_SIMULATION_SEED={seed} runs it again and prints what happens"
                        );
                        std::panic::resume_unwind(panic);
                    }
                }
            });
        }
    });
}
