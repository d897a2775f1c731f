// Asks the European Union's register whether a VAT number is valid. Charged only when the register answers.

import { authorize } from "iap:service/billing@1.0.0";
import { send } from "iap:service/http@1.0.0";
import { questionOf, outputOf } from "./register.js";

const price = [{ item: "check", key: "", units: 1n, note: "" }];
const later = { tag: "provider-unavailable", val: 60 };

export const plugin = {
  handle({ operation, input }) {
    const question = questionOf(inputOf(operation, input));
    const hold = setAside();
    // A hold that is not captured goes back by itself.
    const output = outputOf(ask(question));
    hold.capture(price, { providerReference: undefined, providerCost: undefined, remember: [], more: [] });
    return encode(output);
  },

  quote({ operation, input }) {
    questionOf(inputOf(operation, input));
    return price;
  },

  runJob({ name }) {
    throw { tag: "refused", val: `This release has no job ${name}.` };
  },

  onRequest() {
    return { status: 404, headers: [], body: new Uint8Array() };
  },
};

function setAside() {
  try {
    return authorize(price, { ttl: undefined, naturalKey: undefined, description: undefined, more: [] }).val;
  } catch ({ payload }) {
    throw payload.code === "insufficient-credit" ? { tag: payload.code } : { tag: "other", val: payload };
  }
}

/// The register's answer, whatever it is.
function ask(question) {
  const headers = [["content-type", new TextEncoder().encode("application/json")]];
  const request = { endpoint: "vies", method: "POST", path: "/check-vat-number", headers, body: encode(question), options: [] };
  let body;
  try {
    ({ body } = send(request));
  } catch ({ payload: { code, message } }) {
    const isTheProviders = ["unreachable", "timeout", "too-large", "broken"].includes(code);
    throw isTheProviders ? later : { tag: "internal", val: `${code}: ${message}` };
  }
  try {
    return JSON.parse(decode(body));
  } catch {
    throw later;
  }
}

function inputOf(operation, input) {
  if (operation !== "check") throw { tag: "refused", val: `This release has no operation ${operation}.` };
  try {
    return JSON.parse(decode(input));
  } catch (error) {
    throw { tag: "bad-request", val: { field: "", message: `the body is not JSON: ${error.message}` } };
  }
}

function encode(value) {
  return new TextEncoder().encode(JSON.stringify(value));
}

function decode(bytes) {
  return new TextDecoder().decode(bytes);
}
