'use strict';

// Runs the code of n8n-nodes-unifi-access, and receives webhooks with it and with
// standardwebhooks. Each line of its input is a command, each line of its output is the
// answer. It is for n8n-nodes-unifi-access what n8n is: nothing here knows the API.

const http = require('node:http');
const https = require('node:https');
const readline = require('node:readline');
const { UnifiAccess } = require('n8n-nodes-unifi-access/dist/nodes/UnifiAccess/UnifiAccess.node.js');
const { UnifiAccessTrigger } = require('n8n-nodes-unifi-access/dist/nodes/UnifiAccess/UnifiAccessTrigger.node.js');
const { UnifiAccessApi } = require('n8n-nodes-unifi-access/dist/credentials/UnifiAccessApi.credentials.js');
const { Webhook } = require('standardwebhooks');

const node = new UnifiAccess();
const trigger = new UnifiAccessTrigger();
const credentialType = new UnifiAccessApi();
let credentials; // what a user enters in n8n
let asked = []; // what has been sent: "METHOD path"
const staticData = {}; // of the workflow with the trigger
const deliveries = []; // webhooks that came
let arrived = () => {};
let refusals = 0; // how many of the next webhooks are answered by 500
let standardSecret;

// resolve evaluates what node and credential descriptions write as expressions.
function resolve(text) {
	if (!text.startsWith('=')) return text;
	return text.slice(1).replaceAll(/\{\{\$credentials\??\.(\w+)\}\}/g, (_, name) => credentials[name]);
}

// request sends a request as n8n's helper does: JSON is decoded, a status above 299 is thrown.
function request({ method, url, qs = {}, body, headers = {}, json, skipSslCertificateValidation }) {
	const target = new URL(url);
	for (const [name, value] of Object.entries(qs)) target.searchParams.append(name, value);
	const payload = body === undefined ? undefined : JSON.stringify(body);
	if (payload !== undefined) headers = { ...headers, 'Content-Length': Buffer.byteLength(payload) };
	asked.push(`${method} ${target.pathname}`);
	return new Promise((done, failed) => {
		const sent = https.request(target, { method, headers, rejectUnauthorized: !skipSslCertificateValidation, timeout: 60_000 }, (response) => {
			const parts = [];
			response.on('data', (part) => parts.push(part));
			response.on('error', failed);
			response.on('end', () => {
				const text = Buffer.concat(parts).toString();
				let answer = text;
				try {
					if (json || /^application\/json/.test(response.headers['content-type'])) answer = JSON.parse(text);
				} catch (error) {
					return failed(Object.assign(error, { status: response.statusCode }));
				}
				if (response.statusCode > 299) {
					return failed(Object.assign(new Error(`Request failed with status code ${response.statusCode}`), { status: response.statusCode, answer }));
				}
				done(answer);
			});
		});
		sent.on('timeout', () => sent.destroy(new Error('timeout')));
		sent.on('error', failed);
		sent.end(payload);
	});
}

function httpRequestWithAuthentication(_type, options) {
	const headers = { ...options.headers };
	for (const [name, value] of Object.entries(credentialType.authenticate.properties.headers)) headers[name] = resolve(value);
	return request({ ...options, headers });
}

const returnJsonArray = (data) => (Array.isArray(data) ? data : [data]).map((json) => ({ json }));

// context is what n8n calls a node's functions with.
function context(description, parameters) {
	return {
		getNode: () => ({ name: description.displayName, type: description.name, typeVersion: 1 }),
		getInputData: () => [{ json: {} }],
		continueOnFail: () => false,
		getCredentials: async () => credentials,
		// A field that the user left alone has the default of its description.
		getNodeParameter(name, _item, fallback) {
			if (name in parameters) return parameters[name];
			const shown = (p) => Object.entries(p.displayOptions?.show ?? {}).every(([field, values]) => values.includes(parameters[field]));
			const property = description.properties.find((p) => p.name === name && shown(p));
			if (property) return property.default;
			if (fallback !== undefined) return fallback;
			throw new Error(`Could not get parameter "${name}"`);
		},
		getWorkflowStaticData: () => staticData,
		getNodeWebhookUrl: () => `http://127.0.0.1:${server.address().port}/n8n`,
		helpers: {
			httpRequestWithAuthentication,
			returnJsonArray,
			constructExecutionMetaData: (items, { itemData }) => items.map((item) => ({ ...item, pairedItem: itemData })),
		},
	};
}

// receive has the trigger, or standardwebhooks, judge what came.
async function receive(incoming, rawBody) {
	const delivery = { path: incoming.url, headers: incoming.headers, status: 200, at: Date.now() };
	if (incoming.url === '/n8n') {
		const response = { status: (code) => ((delivery.status = code), response), send: () => response, end: () => response };
		const result = await trigger.webhook.call({
			...context(trigger.description, {}),
			getRequestObject: () => ({ rawBody, header: (name) => incoming.headers[name.toLowerCase()] }),
			getResponseObject: () => response,
			getBodyData: () => JSON.parse(rawBody.toString()),
		});
		delivery.body = result.workflowData?.[0][0].json;
		return delivery;
	}
	try {
		delivery.body = new Webhook(standardSecret).verify(rawBody.toString(), incoming.headers);
	} catch (error) {
		Object.assign(delivery, { status: 401, error: String(error) });
	}
	return delivery;
}

const server = http.createServer((incoming, response) => {
	const parts = [];
	incoming.on('data', (part) => parts.push(part));
	incoming.on('end', async () => {
		const delivery = await receive(incoming, Buffer.concat(parts));
		if (refusals > 0) {
			refusals--;
			delivery.status = 500;
		}
		deliveries.push(delivery);
		arrived();
		response.writeHead(delivery.status).end();
	});
});

const commands = {
	begin: async (given) => {
		credentials = given;
		await new Promise((done) => server.listen(0, '127.0.0.1', done));
		return { port: server.address().port };
	},
	// What the node offers: "resource operation".
	operations: async () => node.description.properties.filter((p) => p.name === 'operation')
		.flatMap((p) => p.options.map((o) => `${p.displayOptions.show.resource[0]} ${o.value}`)),
	events: async () => trigger.description.properties[0].options.map((o) => o.value),
	// The test of the credentials, which n8n does as they are entered.
	test: async () => {
		const { baseURL, url, method } = credentialType.test.request;
		return request({ method, url: resolve(baseURL) + url, headers: { Authorization: resolve(credentialType.authenticate.properties.headers.Authorization) }, skipSslCertificateValidation: credentials.allowUnauthorizedCerts });
	},
	run: async (parameters) => (await node.execute.call(context(node.description, parameters)))[0].map((item) => item.json),
	load: async ({ method }) => node.methods.loadOptions[method].call(context(node.description, {})),
	trigger: async ({ method, events }) => trigger.webhookMethods.default[method].call(context(trigger.description, { events })),
	asked: async () => { const all = asked; asked = []; return all; },
	forge: async () => { staticData.webhookSecret = 'whsec_another'; },
	refuse: async ({ count }) => { refusals = count; },
	standard: async ({ secret }) => { standardSecret = secret; },
	// Waits for a delivery for which all given fields are as given.
	delivery: async ({ path, event, status = 200, seconds = 30 }) => {
		const wanted = (d) => d.path === path && d.status === status && (!event || d.body?.event === event || d.body?.type === event);
		const end = Date.now() + seconds * 1000;
		for (;;) {
			const at = deliveries.findIndex(wanted);
			if (at >= 0) return deliveries.splice(at, 1)[0];
			const left = end - Date.now();
			if (left <= 0) throw new Error(`no such delivery among ${JSON.stringify(deliveries)}`);
			await new Promise((wake) => {
				arrived = wake;
				setTimeout(wake, Math.min(left, 1000));
			});
		}
	},
};

async function main() {
	for await (const line of readline.createInterface({ input: process.stdin })) {
		const { command, ...given } = JSON.parse(line);
		let answer;
		try {
			answer = { result: (await commands[command](given)) ?? null };
		} catch (error) {
			answer = { error: { message: error.message, description: error.description ?? '', status: error.status ?? 0, code: error.answer?.code ?? '', text: error.answer?.msg ?? '' } };
		}
		process.stdout.write(JSON.stringify(answer) + '\n');
	}
	process.exit(0);
}

main();
