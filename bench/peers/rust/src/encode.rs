// What it costs opentelemetry-rust to make an OTLP request of spans that are recorded already: the work of ../../bench_encode.c.
// SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
use opentelemetry::trace::{Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use opentelemetry_sdk::Resource;
use prost::Message;
use std::hint::black_box;
use std::time::{Duration, Instant, UNIX_EPOCH};

const SPANS: usize = 512;
const ROUNDS: usize = 41;
const REPEATS: usize = 8;

// W0: no attributes. W2: an integer and a 10-byte text. W5: five attributes and an event.
fn spans(work: usize) -> Vec<SpanData> {
    let scope = InstrumentationScope::builder("bench").with_version("1.0").build();
    let mut random: u64 = 42;
    let mut next = || {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
        random | 1
    };
    (0..SPANS)
        .map(|_| {
            let start = UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_000 + (next() >> 30));
            let trace_id = TraceId::from((u128::from(next()) << 64) | u128::from(next()));
            let mut attributes = vec![
                KeyValue::new("user.id", 4711i64),
                KeyValue::new("item.name", "0123456789"),
                KeyValue::new("ratio", 0.25),
                KeyValue::new("cache.hit", true),
                KeyValue::new("http.route", "/item/{id}"),
            ];
            attributes.truncate(work);
            let mut events = SpanEvents::default();
            if work == 5 {
                let at = UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789);
                events.events.push(Event::new("retry", at, vec![KeyValue::new("attempt", 2i64)], 0));
            }
            SpanData {
                span_context: SpanContext::new(trace_id, SpanId::from(next()), TraceFlags::SAMPLED, false, TraceState::default()),
                parent_span_id: SpanId::from(next()),
                parent_span_is_remote: false,
                span_kind: SpanKind::Internal,
                name: "operation".into(),
                start_time: start,
                end_time: start + Duration::from_nanos(41_234),
                attributes,
                dropped_attributes_count: 0,
                events,
                links: SpanLinks::default(),
                status: Status::Unset,
                instrumentation_scope: scope.clone(),
            }
        })
        .collect()
}

// What an exporter does with a batch it was handed: into the generated messages, and those into bytes.
fn protobuf(batch: Vec<SpanData>, resource: &ResourceAttributesWithSchema) -> Vec<u8> {
    ExportTraceServiceRequest { resource_spans: group_spans_by_resource_and_scope(batch, resource) }.encode_to_vec()
}

fn json(batch: Vec<SpanData>, resource: &ResourceAttributesWithSchema) -> Vec<u8> {
    let request = ExportTraceServiceRequest { resource_spans: group_spans_by_resource_and_scope(batch, resource) };
    serde_json::to_vec(&request).expect("JSON")
}

pub fn run() {
    let resource = Resource::builder_empty()
        .with_attribute(KeyValue::new("service.name", "bench"))
        .with_attribute(KeyValue::new("telemetry.sdk.language", "rust"))
        .with_attribute(KeyValue::new("process.pid", 1234i64))
        .build();
    let resource = ResourceAttributesWithSchema::from(&resource);
    // As in bench_encode.c: the fastest of many pairs of clock readings.
    let pair = (0..200).fold(f64::MAX, |best, _| {
        let start = Instant::now();
        (0..100).for_each(|_| {
            black_box(Instant::now());
        });
        best.min(start.elapsed().as_nanos() as f64 / 50.0)
    });
    println!("clock_pair {pair:.1} ns 1.000");
    for (format, encode) in [("json", json as fn(_, &_) -> Vec<u8>), ("protobuf", protobuf)] {
        for work in [0, 2, 5] {
            let batch = spans(work);
            let mut samples: Vec<f64> = (0..ROUNDS)
                .map(|_| {
                    let batches: Vec<_> = (0..REPEATS).map(|_| batch.clone()).collect();
                    let start = Instant::now();
                    for one in batches {
                        black_box(encode(one, &resource));
                    }
                    start.elapsed().as_nanos() as f64 / (SPANS * REPEATS) as f64
                })
                .collect();
            for (which, percent) in [("quiet", 10), ("median", 50)] {
                let ns = super::percentile(&mut samples, percent);
                println!("opentelemetry.encode_{format}_w{work}_whole_{which} {ns:.1} ns {:.3}", ns / pair);
            }
            println!("opentelemetry.encode_{format}_w{work}_size {:.1} bytes -", encode(batch, &resource).len() as f64 / SPANS as f64);
        }
    }
}
