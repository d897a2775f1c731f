import assert from "node:assert/strict";
import { test } from "node:test";
import { outputOf, questionOf } from "../src/register.js";

test("numbers are sent as the register writes them", () => {
  for (const [country, number, countryCode, vatNumber] of [
    ["BE", "BE 0477.472.701", "BE", "0477472701"],
    [" be ", "0477-472-701", "BE", "0477472701"],
    ["GR", "GR094014201", "EL", "094014201"],
  ]) {
    assert.deepEqual(questionOf({ country, number }), { countryCode, vatNumber });
  }
});

test("wrong members are named", () => {
  const fails = (input, field) =>
    assert.throws(() => questionOf(input), ({ tag, val }) => tag === "bad-request" && val.field === field);
  fails({ number: "1" }, "country");
  fails({ country: "BE", number: 1 }, "number");
  fails(null, "country");
});

test("what is not published is left out", () => {
  const answer = { valid: true, requestDate: "2026-01-05T10:30:00.000Z", name: "NV ACME", address: "---" };
  assert.deepEqual(outputOf(answer), { valid: true, checked_at: answer.requestDate, name: "NV ACME" });
});

test("a register that does not check is a failure of the provider", () => {
  const failed = (error) => ({ actionSucceed: false, errorWrappers: [{ error }] });
  for (const answer of [failed("MS_UNAVAILABLE"), failed("TIMEOUT"), {}, null, [], "sorry"]) {
    assert.throws(() => outputOf(answer), { tag: "provider-unavailable", val: 60 });
  }
  assert.throws(() => outputOf(failed("INVALID_INPUT")), ({ tag }) => tag === "bad-request");
});
