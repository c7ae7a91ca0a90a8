// Compiles the contracts of a folder and writes one artefact a contract into another one. The folder's solidity.json names
// the contracts and the compiler's settings. The artefact records the hash of its source, so that a test can tell a
// stale artefact without a compiler.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const solc = require('solc');

const [sourceFolder, outputFolder] = process.argv.slice(2);
if (!outputFolder) {
  console.error('usage: node compile.js SOURCE_FOLDER OUTPUT_FOLDER');
  process.exit(2);
}

const project = JSON.parse(fs.readFileSync(path.join(sourceFolder, 'solidity.json'), 'utf8'));
const texts = Object.fromEntries(
  project.contracts.map((name) => [name, fs.readFileSync(path.join(sourceFolder, `${name}.sol`), 'utf8')]));

const result = JSON.parse(solc.compile(JSON.stringify({
  language: 'Solidity',
  sources: Object.fromEntries(project.contracts.map((name) => [`${name}.sol`, { content: texts[name] }])),
  settings: {
    evmVersion: project.evmVersion,
    optimizer: { enabled: true, runs: project.optimizerRuns },
    metadata: { bytecodeHash: 'none' },
    outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode'], '': ['ast'] } },
  },
})));

const problems = result.errors || [];
problems.forEach((problem) => console.error(problem.formattedMessage));
if (problems.length > 0) {
  process.exit(1);
}

// immutables returns where the deployed code holds each immutable value: its name and the offsets of its 32 bytes.
function immutables(contract, ast) {
  const definition = ast.nodes.find((node) => node.nodeType === 'ContractDefinition' && node.name === contract.name);
  const references = contract.evm.deployedBytecode.immutableReferences;
  return Object.fromEntries(definition.nodes.filter((node) => node.id in references)
    .map((node) => [node.name, references[node.id].map((reference) => reference.start)]));
}

fs.mkdirSync(outputFolder, { recursive: true });
for (const name of project.contracts) {
  const contract = result.contracts[`${name}.sol`][name];
  const artefact = {
    contractName: name,
    compiler: solc.version(),
    evmVersion: project.evmVersion,
    sourceSha256: crypto.createHash('sha256').update(texts[name]).digest('hex'),
    abi: contract.abi,
    bytecode: `0x${contract.evm.bytecode.object}`,
    deployedBytecode: `0x${contract.evm.deployedBytecode.object}`,
    immutables: immutables({ name, ...contract }, result.sources[`${name}.sol`].ast),
  };
  fs.writeFileSync(path.join(outputFolder, `${name}.json`), `${JSON.stringify(artefact, null, 2)}\n`);
}
