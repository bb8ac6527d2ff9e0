// What a span costs in two Rust libraries, measured as bench.c measures: floors and works take turns in blocks of a thousand
// spans, drained outside the measured time, and a figure is printed only when every span of it arrived.
// SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
mod encode;

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

const BLOCK: usize = 1000;
const WARM_UP: usize = 20;
const ROUNDS: usize = 200;

static ARRIVED: AtomicU64 = AtomicU64::new(0);

// ---- floors ----

#[cfg(target_arch = "x86_64")]
fn ticks() -> u64 {
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
fn ticks() -> u64 {
    use std::sync::OnceLock;
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

fn two_rdtsc() {
    for _ in 0..BLOCK {
        let start = ticks();
        black_box(ticks() - start);
    }
}

// ---- fastrace ----

mod fast {
    use super::*;
    use fastrace::collector::{Config, Reporter, SpanContext, SpanRecord};
    use fastrace::prelude::{Event, LocalSpan, Span};
    use std::borrow::Cow;

    struct Counting;

    impl Reporter for Counting {
        fn report(&mut self, spans: Vec<SpanRecord>) {
            ARRIVED.fetch_add(spans.len() as u64, Relaxed);
        }
    }

    pub fn setup() {
        // An hour: the collector is idle while we measure, which is its best case.
        fastrace::set_reporter(Counting, Config::default().report_interval(Duration::from_secs(3600)));
    }

    fn w0() {
        let _span = LocalSpan::enter_with_local_parent("GET /item");
    }

    fn w2() {
        let _span = LocalSpan::enter_with_local_parent("GET /item");
        LocalSpan::add_properties(|| {
            [
                ("http.response.status_code", Cow::from(black_box(200).to_string())),
                ("http.route", Cow::from(black_box("/item/{id}"))),
            ]
        });
    }

    fn w5() {
        let _span = LocalSpan::enter_with_local_parent("GET /item");
        LocalSpan::add_properties(|| {
            [
                ("http.response.status_code", Cow::from(black_box(200).to_string())),
                ("http.route", Cow::from(black_box("/item/{id}"))),
                ("cache.ratio", Cow::from(black_box(0.75).to_string())),
                ("cache.hit", Cow::from(if black_box(true) { "true" } else { "false" })),
                ("item.id", Cow::from(black_box(17).to_string())),
            ]
        });
        LocalSpan::add_event(Event::new("cache.read"));
    }

    // Text that does not change is borrowed and properties are given in one call: as fast as its interface allows.

    // One root around the block, neither its start nor its end measured.
    fn under_one_root(work: fn()) -> Duration {
        let root = Span::root("bench", SpanContext::random());
        let guard = root.set_local_parent();
        let start = Instant::now();
        for _ in 0..BLOCK {
            work();
        }
        let took = start.elapsed();
        drop(guard);
        drop(root);
        fastrace::flush();
        took
    }

    // A root around every ten spans, measured with them: nearer to what a server does.
    fn under_a_root_per_ten(work: fn()) -> Duration {
        let start = Instant::now();
        for _ in 0..BLOCK / 10 {
            let root = Span::root("bench", SpanContext::random());
            let _guard = root.set_local_parent();
            for _ in 0..10 {
                work();
            }
        }
        let took = start.elapsed();
        fastrace::flush();
        took
    }

    pub fn blocks() -> Vec<(&'static str, Box<dyn Fn() -> Duration>, u64)> {
        let all = BLOCK as u64;
        vec![
            ("fastrace.w0", Box::new(|| under_one_root(w0)), all + 1),
            ("fastrace.w2", Box::new(|| under_one_root(w2)), all + 1),
            ("fastrace.w5", Box::new(|| under_one_root(w5)), all + 1),
            ("fastrace.root_per_10.w0", Box::new(|| under_a_root_per_ten(w0)), all + all / 10),
            ("fastrace.root_per_10.w2", Box::new(|| under_a_root_per_ten(w2)), all + all / 10),
            ("fastrace.root_per_10.w5", Box::new(|| under_a_root_per_ten(w5)), all + all / 10),
        ]
    }
}

// ---- opentelemetry ----

mod otel {
    use super::*;
    use opentelemetry::trace::{Span, TraceContextExt, Tracer, TracerProvider};
    use opentelemetry::{Context, KeyValue};
    use opentelemetry_sdk::error::OTelSdkResult;
    use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider};
    use opentelemetry_sdk::trace::{SpanData, SpanExporter};

    #[derive(Debug)]
    struct Counting;

    impl SpanExporter for Counting {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            ARRIVED.fetch_add(batch.len() as u64, Relaxed);
            Ok(())
        }
    }

    fn w0(tracer: &SdkTracer) {
        tracer.start("GET /item").end();
    }

    fn w2(tracer: &SdkTracer) {
        let mut span = tracer.start("GET /item");
        span.set_attribute(KeyValue::new("http.response.status_code", black_box(200i64)));
        span.set_attribute(KeyValue::new("http.route", black_box("/item/{id}")));
        span.end();
    }

    fn w5(tracer: &SdkTracer) {
        let mut span = tracer.start("GET /item");
        span.set_attribute(KeyValue::new("http.response.status_code", black_box(200i64)));
        span.set_attribute(KeyValue::new("http.route", black_box("/item/{id}")));
        span.set_attribute(KeyValue::new("cache.ratio", black_box(0.75)));
        span.set_attribute(KeyValue::new("cache.hit", black_box(true)));
        span.set_attribute(KeyValue::new("item.id", black_box(17i64)));
        span.add_event("cache.read", Vec::new());
        span.end();
    }

    fn block(provider: SdkTracerProvider, work: fn(&SdkTracer)) -> Box<dyn Fn() -> Duration> {
        let tracer = provider.tracer("bench");
        let root = tracer.start("bench");
        let parent = Context::new().with_span(root);
        Box::new(move || {
            let guard = parent.clone().attach();
            let start = Instant::now();
            for _ in 0..BLOCK {
                work(&tracer);
            }
            let took = start.elapsed();
            drop(guard);
            provider.force_flush().expect("flush");
            took
        })
    }

    pub fn blocks() -> Vec<(&'static str, Box<dyn Fn() -> Duration>, u64)> {
        let config = BatchConfigBuilder::default().with_scheduled_delay(Duration::from_secs(3600)).build();
        let batch = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(Counting).with_batch_config(config).build())
            .build();
        let sampled_out = SdkTracerProvider::builder().with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff))).build();
        let all = BLOCK as u64;
        vec![
            ("opentelemetry.w0", block(batch.clone(), w0), all),
            ("opentelemetry.w2", block(batch.clone(), w2), all),
            ("opentelemetry.w5", block(batch, w5), all),
            ("opentelemetry.sampled_out.w0", block(sampled_out, w0), 0),
        ]
    }
}

// ---- measuring ----

fn percentile(samples: &mut [f64], percent: usize) -> f64 {
    samples.sort_by(|a, b| a.total_cmp(b));
    samples[(samples.len() - 1) * percent / 100]
}

fn main() {
    fast::setup();
    let floor: Box<dyn Fn() -> Duration> = Box::new(|| {
        let start = Instant::now();
        two_rdtsc();
        start.elapsed()
    });
    let mut blocks = vec![("two_rdtsc", floor, 0)];
    blocks.extend(fast::blocks());
    blocks.extend(otel::blocks());

    let mut samples = vec![Vec::new(); blocks.len()];
    let mut lost = vec![0i64; blocks.len()];
    for round in 0..WARM_UP + ROUNDS {
        for (i, (_, run, spans)) in blocks.iter().enumerate() {
            let before = ARRIVED.load(Relaxed);
            let took = run();
            lost[i] += *spans as i64 - (ARRIVED.load(Relaxed) - before) as i64;
            if round >= WARM_UP {
                samples[i].push(took.as_nanos() as f64 / BLOCK as f64);
            }
        }
    }

    let floors = [percentile(&mut samples[0], 10), percentile(&mut samples[0], 50)];
    let mut fine = true;
    for (i, (name, _, _)) in blocks.iter().enumerate() {
        if lost[i] != 0 {
            eprintln!("peers: {name}: {} spans did not arrive: no figure", lost[i]);
            fine = false;
            continue;
        }
        for (which, percent, floor) in [("quiet", 10, floors[0]), ("median", 50, floors[1])] {
            let ns = percentile(&mut samples[i], percent);
            println!("{name}.{which} {ns:.2} ns {:.3}", ns / floor);
        }
    }
    encode::run();
    std::process::exit(if fine { 0 } else { 1 });
}
