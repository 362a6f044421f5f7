// Asks the simulator as its users do, by runSimulation, and prints engine, scene and nanoseconds, a line each.
import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const scenes = JSON.parse(readFileSync(0, 'utf8'))
for (const scene of scenes) {
  const simulation = {
    identityPolicies: scene.identity.map((text, index) => ({ name: `policy-${index}`, policy: JSON.parse(text) })),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    resourcePolicy: scene.trust ? JSON.parse(scene.trust) : undefined,
    request: {
      principal: scene.principal,
      action: scene.action,
      resource: { resource: scene.resource, accountId: scene.account },
      contextVariables: Object.fromEntries(
        Object.entries(scene.context).map(([key, value]) => [key, Array.isArray(value) ? value[0] : value]),
      ),
    },
  }
  const first = await runSimulation(simulation, {})
  console.error(`iam-simulate on ${scene.name}: ${JSON.stringify(first).slice(0, 120)}`)
  const run = async (times) => {
    const start = process.hrtime.bigint()
    for (let count = 0; count < times; count++) await runSimulation(simulation, {})
    return Number(process.hrtime.bigint() - start) / times
  }
  await run(200)
  const runs = []
  for (let round = 0; round < 7; round++) runs.push(await run(200))
  runs.sort((left, right) => left - right)
  console.log(`iam-simulate 0.1.173\t${scene.name}\t${runs[3].toFixed(1)}`)
}
