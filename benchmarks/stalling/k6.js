// The pattern in k6: arrivals at a constant rate, each operation polled to its end.
import http from 'k6/http';
import { sleep } from 'k6';
import { Trend } from 'k6/metrics';

const completion = new Trend('completion', true);
const start = new Trend('start', true);

export const options = {
  scenarios: {
    operations: {
      executor: 'constant-arrival-rate',
      rate: Number(__ENV.RATE),
      timeUnit: '1s',
      duration: `${__ENV.RUN_TIME}s`,
      preAllocatedVUs: 200,
      maxVUs: 2000,
    },
  },
  summaryTrendStats: ['med', 'p(90)', 'p(95)', 'p(99)', 'max', 'count'],
};

export default function () {
  const began = Date.now();
  const accepted = http.post(`${__ENV.HOST}/operations`, '{}');
  start.add(accepted.timings.duration);
  while (http.get(`${__ENV.HOST}${accepted.headers.Location}`).status === 202) {
    sleep(0.2);
  }
  completion.add(Date.now() - began);
}

export function handleSummary(data) {
  return { [__ENV.SUMMARY]: JSON.stringify(data) };
}
