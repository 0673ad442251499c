import { RetryButton } from './retry-button.tsx';

export function Unavailable({ message }: { message: string }) {
  return (
    <section className="card unavailable">
      <div role="alert">
        <p className="alert">{message}</p>
      </div>
      <RetryButton />
    </section>
  );
}
