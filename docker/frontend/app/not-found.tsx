import Link from 'next/link';

export default function NotFound() {
  return (
    <main id="main" className="entry-page">
      <section className="card entry">
        <h1>Page not found</h1>
        <p>There is nothing at this address.</p>
        <Link className="button primary" href="/tasks" prefetch={false}>
          Go to your tasks
        </Link>
      </section>
    </main>
  );
}
