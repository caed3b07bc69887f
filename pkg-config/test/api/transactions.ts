/** Transactions: all or nothing, serializable, run again after a conflict. */
import { claim, equal, holds, rejects, type Claim } from './harness.js'

interface Account {
  id: string
  balance: number
}

const ids = (list: readonly { id: string }[]) => list.map(({ id }) => id)

export const transactions: Claim[] = [
  claim('a transaction commits over several collections at once', async (db) => {
    const accounts = db.collection<Account>('accounts')
    await accounts.insertMany([
      { id: 'a', balance: 100 },
      { id: 'b', balance: 0 },
    ])
    const answer = await db.transaction(async (tx) => {
      await tx.collection(accounts).update('a', { $inc: { balance: -30 } })
      await tx.collection(accounts).update('b', { $inc: { balance: 30 } })
      await tx.collection('audit').insert({ id: '1', what: 'transfer' })
      equal((await tx.collection(accounts).get('a'))?.balance, 70, 'it reads its own writes')
      equal(await tx.collection(accounts).find({ balance: 30 }).count(), 1, 'queries see its own writes')
      equal((await accounts.get('a'))?.balance, 100, 'others do not see them yet')
      return 'done'
    })
    equal(answer, 'done')
    equal(
      (await accounts.getMany(['a', 'b'])).map((account) => account?.balance),
      [70, 30],
    )
    equal(await db.collection('audit').count(), 1)
  }),

  claim('a transaction that throws leaves nothing', async (db) => {
    const accounts = db.collection<Account>('accounts', { indexes: ['balance'] })
    await accounts.insert({ id: 'a', balance: 1 })
    const boom = new Error('boom')
    let caught: unknown
    await db
      .transaction(async (tx) => {
        await tx.collection(accounts).put({ id: 'a', balance: 2 })
        await tx.collection(accounts).insert({ id: 'b', balance: 2 })
        throw boom
      })
      .catch((error: unknown) => (caught = error))
    holds(caught === boom, 'it throws what the closure threw')
    equal(await accounts.find().toArray(), [{ id: 'a', balance: 1 }])
    equal(await accounts.find({ balance: 2 }).hint('balance').count(), 0)
  }),

  claim('concurrent transactions on one document lose no update', async (db) => {
    const accounts = db.collection<Account>('accounts')
    await accounts.insert({ id: 'a', balance: 0 })
    let runs = 0
    await Promise.all(
      Array.from({ length: 20 }, () =>
        db.transaction(
          async (tx) => {
            runs++
            const account = await tx.collection(accounts).get('a')
            await tx.collection(accounts).put({ id: 'a', balance: (account?.balance ?? 0) + 1 })
          },
          { retries: 100 },
        ),
      ),
    )
    equal((await accounts.get('a'))?.balance, 20)
    holds(runs >= 20, 'conflicts ran the closure again')
  }),

  claim('a transaction that gives up says so', async (db) => {
    const accounts = db.collection<Account>('accounts')
    await accounts.insert({ id: 'a', balance: 0 })
    const losing = db.transaction(
      async (tx) => {
        const account = await tx.collection(accounts).get('a')
        await accounts.update('a', { $inc: { balance: 1 } })
        await tx.collection(accounts).put({ id: 'a', balance: (account?.balance ?? 0) + 100 })
      },
      { retries: 2 },
    )
    await rejects(losing, 'conflict', 'retry')
    equal((await accounts.get('a'))?.balance, 3)
  }),

  claim('a phantom is a conflict: a query in a transaction is validated too', async (db) => {
    const accounts = db.collection<Account>('accounts')
    await accounts.insert({ id: 'a', balance: 1 })
    let runs = 0
    await db.transaction(async (tx) => {
      const inside = tx.collection(accounts)
      const count = await inside.count({ balance: { $gt: 0 } })
      if (++runs === 1) await accounts.insert({ id: 'b', balance: 1 })
      await inside.put({ id: 'sum', balance: -count })
    })
    equal([(await accounts.get('sum'))?.balance, runs], [-2, 2])
  }),

  claim('a refused command inside a transaction leaves no trace, and it goes on', async (db) => {
    const accounts = db.collection<Account>('accounts')
    await accounts.insert({ id: 'a', balance: 1 })
    await db.transaction(async (tx) => {
      const inside = tx.collection(accounts)
      await rejects(
        inside.insertMany([
          { id: 'b', balance: 1 },
          { id: 'a', balance: 2 },
        ]),
        'conflict',
        'duplicate-id',
      )
      await inside.insert({ id: 'c', balance: 3 })
    })
    equal(ids(await accounts.find().toArray()), ['a', 'c'])
  }),

  claim('a transaction used after its end is refused', async (db) => {
    const leaked = await db.transaction(async (tx) => tx.collection('a'))
    await rejects(leaked.get('x'), 'closed')
    await rejects(leaked.insert({ id: 'x' }), 'closed')
    equal(await db.collection('a').count(), 0)
  }),
]
