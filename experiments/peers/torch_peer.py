"""The works in PyTorch, speaking the protocol of serve.py. How each variant is built and why: README.md.

Usage: python torch_peer.py
"""

import functools
import sys
from collections.abc import Callable

sys.dont_write_bytecode = True

import torch  # noqa: E402
import torch.autograd.forward_ad as forward_ad  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.func import functional_call, grad_and_value, jvp, vjp, vmap  # noqa: E402

import inputs  # noqa: E402
from serve import Flat, keep_memory, serve  # noqa: E402
from torch_model import EXPLICIT_ATTENTION, FUSED, WRITTEN_OUT, Kernels, Params, features, head_loss  # noqa: E402
from works import (ADAM_EPS, BETA1, BETA2, LEARNING_RATE, MAX_NORM, TANGENTS, WEIGHT_DECAY, Work)  # noqa: E402

Iteration = Callable[[], object]
Gradient = tuple[Tensor, Params]  # the loss and its gradient with respect to theta


def tensors(arrays: inputs.Arrays) -> Params:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def minus(a: Params, b: Params) -> Params:
    return {name: a[name] - b[name] for name in a}


class Tower(torch.nn.Module):
    """The tower as a module with parameters of its own."""

    def __init__(self, params: Params, work: Work, kernels: Kernels) -> None:
        super().__init__()
        self.work, self.kernels = work, kernels
        self.names = {name: name.replace(".", "/") for name in params}
        for name, value in params.items():
            self.register_parameter(self.names[name], torch.nn.Parameter(value.clone()))

    def forward(self, images: Tensor) -> Tensor:
        params = {name: getattr(self, attribute) for name, attribute in self.names.items()}
        return features(params, images, self.work, self.kernels)


class TorchJob:
    """Weights, batch and variants of one work in one mode."""

    def __init__(self, work: Work, mode: str, threads: int, batch: int) -> None:
        torch.set_num_threads(threads)
        torch.compiler.reset()
        self.work, self.mode = work, mode
        self.theta0 = tensors(inputs.theta0(work))
        images, labels = inputs.batch(work, batch)
        self.images, self.labels = torch.from_numpy(images), torch.from_numpy(labels)
        self.head = torch.from_numpy(inputs.head(work))
        if mode in ("stream", "forward8"):
            self.taus = [tensors(inputs.direction(work, k)) for k in range(TANGENTS)]
        if mode == "stream":
            self.stacked = {name: torch.stack([tau[name] for tau in self.taus]) for name in self.theta0}
            del self.taus
        if mode.endswith("_step"):
            self.start_training()

    def start_training(self) -> None:
        tau = tensors(inputs.direction(self.work, 0))
        self.start = {name: self.theta0[name] + tau[name] for name in tau}
        self.theta = {name: value.clone().requires_grad_() for name, value in self.start.items()}
        self.optimizer = torch.optim.AdamW(list(self.theta.values()), lr=LEARNING_RATE, betas=(BETA1, BETA2),
                                           eps=ADAM_EPS, weight_decay=WEIGHT_DECAY, fused=True)

    def f(self, params: Params) -> Tensor:
        """f(x; params), in a form that may be pushed forward."""
        return features(params, self.images, self.work, WRITTEN_OUT)

    def variants(self) -> dict[str, Callable[[], Iteration]]:
        return {
            "forward": {"eager": self.forward_eager, "compile": self.forward_compile,
                        "compile_frozen": self.forward_frozen},
            "standard_step": {"eager": lambda: self.standard_eager(FUSED),
                              "eager_explicit": lambda: self.standard_eager(EXPLICIT_ATTENTION),
                              "compile": self.standard_compile,
                              "compile_whole": self.standard_compile_whole},
            "tangent_step": {"eager_paper": self.tangent_eager_paper, "eager_dual": self.tangent_eager_dual,
                             "eager_two_pass": self.tangent_eager_two_pass,
                             "compile_paper": self.tangent_compile_paper,
                             "compile_one_pass": self.tangent_compile_one_pass},
            "stream": {"eager_vmap": self.stream_eager, "compile_vmap": self.stream_compile},
            "forward8": {"eager": self.forward8_eager, "compile": self.forward8_compile},
        }[self.mode]

    # --- forward ---------------------------------------------------------------------------------

    def forward_eager(self) -> Iteration:
        return torch.inference_mode()(lambda: features(self.theta0, self.images, self.work, FUSED))

    def forward_compile(self) -> Iteration:
        compiled = torch.compile(functools.partial(features, work=self.work, kernels=FUSED), fullgraph=True)
        return torch.no_grad()(lambda: compiled(self.theta0, self.images))

    def forward_frozen(self) -> Iteration:
        """Weights as constants, which the compiler may pack for the matrix library."""
        tower = Tower(self.theta0, self.work, FUSED).eval()
        compiled = torch.compile(tower, fullgraph=True, options={"freezing": True})
        return torch.no_grad()(lambda: compiled(self.images))

    # --- steps -----------------------------------------------------------------------------------

    def update(self) -> None:
        torch.nn.utils.clip_grad_norm_(self.theta.values(), MAX_NORM)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def by_backward(self, loss_of: Callable[[Params], Tensor]) -> Iteration:
        """A step with the gradient by `backward`."""

        def step() -> Tensor:
            loss = loss_of(self.theta)
            loss.backward()
            self.update()
            return loss.detach()

        return step

    def by_function(self, gradient: Callable[[], Gradient]) -> Iteration:
        """A step with the gradient from a function of the weights."""

        def step() -> Tensor:
            loss, theta_bar = gradient()
            for name, value in self.theta.items():
                value.grad = theta_bar[name]
            self.update()
            return loss

        return step

    def standard_loss(self, theta: Params, images: Tensor, head: Tensor, labels: Tensor,
                      kernels: Kernels = FUSED) -> Tensor:
        return head_loss(features(theta, images, self.work, kernels), head, labels)

    def standard_eager(self, kernels: Kernels) -> Iteration:
        return self.by_backward(lambda theta: self.standard_loss(theta, self.images, self.head, self.labels, kernels))

    def standard_compile(self) -> Iteration:
        compiled = torch.compile(self.standard_loss, fullgraph=True)
        return self.by_backward(lambda theta: compiled(theta, self.images, self.head, self.labels))

    def standard_compile_whole(self) -> Iteration:
        """Forward and backward in one graph."""
        work = self.work

        def loss(theta: Params, images: Tensor, head: Tensor, labels: Tensor) -> Tensor:
            return head_loss(features(theta, images, work, WRITTEN_OUT), head, labels)

        def gradient(theta: Params, images: Tensor, head: Tensor, labels: Tensor) -> Gradient:
            theta_bar, value = grad_and_value(loss)(theta, images, head, labels)
            return value, theta_bar

        compiled = torch.compile(gradient, fullgraph=True)
        return self.by_function(
            torch.no_grad()(lambda: compiled(self.detached(), self.images, self.head, self.labels)))

    def detached(self) -> Params:
        return {name: value.detach() for name, value in self.theta.items()}

    # --- the tangent step: f_lin = f(x; theta0) + J (theta - theta0), theta_bar = Jᵀ dL/df_lin ----

    def tangent_eager_paper(self) -> Iteration:
        """Reverse mode through jvp, as the paper's code does it."""
        tower = Tower(self.theta0, self.work, WRITTEN_OUT)
        for parameter in tower.parameters():
            parameter.requires_grad_(False)
        theta0 = {name: parameter.detach() for name, parameter in tower.named_parameters()}

        def loss(theta: Params) -> Tensor:
            tau = {tower.names[name]: value - self.theta0[name] for name, value in theta.items()}
            f, f_dot = jvp(lambda p: functional_call(tower, p, (self.images,)), (theta0,), (tau,))
            return head_loss(f + f_dot, self.head, self.labels)

        return self.by_backward(loss)

    def cotangent(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The loss at features z and its derivative there."""
        z = z.detach().requires_grad_()
        loss = head_loss(z, self.head, self.labels)
        return loss.detach(), torch.autograd.grad(loss, z)[0]

    def tangent_eager_dual(self) -> Iteration:
        """Dual numbers over a recorded primal: one forward pass of both, then the primal's own backward."""
        theta0 = {name: value.clone().requires_grad_() for name, value in self.theta0.items()}

        def gradient() -> Gradient:
            tau = minus(self.detached(), self.theta0)
            with forward_ad.dual_level():
                dual = self.f({name: forward_ad.make_dual(value, tau[name]) for name, value in theta0.items()})
                f, f_dot = forward_ad.unpack_dual(dual)
                z = f.detach() + f_dot.detach()
            del dual, f_dot, tau  # the tangents' recording
            loss, z_bar = self.cotangent(z)
            theta_bar = torch.autograd.grad(f, list(theta0.values()), z_bar)
            return loss, dict(zip(theta0, theta_bar, strict=True))

        return self.by_function(gradient)

    def tangent_eager_two_pass(self) -> Iteration:
        """jvp without a recording, then an ordinary forward and backward at theta0."""
        theta0 = {name: value.clone().requires_grad_() for name, value in self.theta0.items()}

        def gradient() -> Gradient:
            with torch.no_grad():
                f, f_dot = jvp(self.f, (self.theta0,), (minus(self.theta, self.theta0),))
            loss, z_bar = self.cotangent(f + f_dot)
            again = features(theta0, self.images, self.work, FUSED)
            theta_bar = torch.autograd.grad(again, list(theta0.values()), z_bar)
            return loss, dict(zip(theta0, theta_bar, strict=True))

        return self.by_function(gradient)

    def tangent_compile_paper(self) -> Iteration:
        """The paper's way as one compiled function."""
        work = self.work

        def loss(theta: Params, theta0: Params, images: Tensor, head: Tensor, labels: Tensor) -> Tensor:
            f, f_dot = jvp(lambda p: features(p, images, work, WRITTEN_OUT), (theta0,), (minus(theta, theta0),))
            return head_loss(f + f_dot, head, labels)

        def gradient(theta: Params, theta0: Params, images: Tensor, head: Tensor, labels: Tensor) -> Gradient:
            theta_bar, value = grad_and_value(loss)(theta, theta0, images, head, labels)
            return value, theta_bar

        return self.compiled_tangent(gradient)

    def tangent_compile_one_pass(self) -> Iteration:
        """jvp and vjp at theta0 as one compiled function, in which the two primals become one."""
        work = self.work

        def gradient(theta: Params, theta0: Params, images: Tensor, head: Tensor, labels: Tensor) -> Gradient:
            def f(p: Params) -> Tensor:
                return features(p, images, work, WRITTEN_OUT)

            z, z_dot = jvp(f, (theta0,), (minus(theta, theta0),))
            _, pull = vjp(f, theta0)
            z_bar, value = grad_and_value(head_loss)(z + z_dot, head, labels)
            return value, pull(z_bar)[0]

        return self.compiled_tangent(gradient)

    def compiled_tangent(self, gradient: Callable[..., Gradient]) -> Iteration:
        compiled = torch.compile(gradient, fullgraph=True)
        return self.by_function(torch.no_grad()(
            lambda: compiled(self.detached(), self.theta0, self.images, self.head, self.labels)))

    # --- f(x) and eight tangents -----------------------------------------------------------------

    def stream_eager(self) -> Iteration:
        """jvp under vmap: the primal is not batched, so it is computed once."""
        batched = vmap(lambda tau: jvp(self.f, (self.theta0,), (tau,)), out_dims=(None, 0))
        return torch.no_grad()(lambda: batched(self.stacked))

    def stream_compile(self) -> Iteration:
        work = self.work

        def batched(theta0: Params, taus: Params, images: Tensor) -> tuple[Tensor, Tensor]:
            f = functools.partial(features, images=images, work=work, kernels=WRITTEN_OUT)
            return vmap(lambda tau: jvp(f, (theta0,), (tau,)), out_dims=(None, 0))(taus)

        compiled = torch.compile(batched, fullgraph=True)
        return torch.no_grad()(lambda: compiled(self.theta0, self.stacked, self.images))

    def forward8_eager(self) -> Iteration:
        return torch.no_grad()(lambda: [sum(jvp(self.f, (self.theta0,), (tau,))) for tau in self.taus])

    def forward8_compile(self) -> Iteration:
        work = self.work

        def f_lin(theta0: Params, tau: Params, images: Tensor) -> Tensor:
            f, f_dot = jvp(lambda p: features(p, images, work, WRITTEN_OUT), (theta0,), (tau,))
            return f + f_dot

        compiled = torch.compile(f_lin, fullgraph=True)
        return torch.no_grad()(lambda: [compiled(self.theta0, tau, self.images) for tau in self.taus])

    # --- comparison ------------------------------------------------------------------------------

    def observe(self, iteration: Iteration) -> dict[str, Flat]:
        if self.mode == "forward":
            return {"features": iteration().numpy()}
        if self.mode == "stream":
            f, f_dot = iteration()
            return {"features": f.numpy(), "tangents": f_dot.numpy()}
        if self.mode == "forward8":
            return {"features": torch.stack(iteration()).numpy()}
        return self.observe_steps(iteration)

    def observe_steps(self, iteration: Iteration) -> dict[str, Flat]:
        """The clipped gradient of the first step, from Adam's first moment, and the losses of three steps."""
        with torch.no_grad():
            for name, value in self.theta.items():
                value.copy_(self.start[name])
        self.optimizer.state.clear()
        losses = [iteration()]
        moments = [self.optimizer.state[value]["exp_avg"].flatten() for value in self.theta.values()]
        gradient = torch.cat(moments) / (1.0 - BETA1)
        losses += [iteration(), iteration()]
        return {"gradient": gradient.numpy(), "losses": torch.stack(losses).numpy()}


def evaluate(work: Work, params: inputs.Arrays, images: inputs.Array) -> Flat:
    """f(x; params)."""
    return features(tensors(params), torch.from_numpy(images), work, FUSED).numpy()


if __name__ == "__main__":
    keep_memory()
    serve(TorchJob, evaluate)
