"""Transformer layers of torch as calls that a graph can show, so that their linear layers are seen.

torch.fx takes `nn.TransformerEncoder` and its like for one call each; their own code asks for values while it is traced. Here
are their training steps without those questions:

module                                  | shown as
----------------------------------------|-----------------------------------------------------------------------------
Transformer, its encoder and decoder    | their layers
encoder and decoder layers              | their blocks, by methods that a subclass may have changed
self-attention with one packed weight   | linear layer, torch's own attention between its projections, linear layer

All else, in evaluation everything, stays one call of torch: attention over a memory, whose packed weight is used in parts;
separate weights of query, key and value; modules with hooks. Dropout draws the same numbers as in the module itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor, fx, nn
from torch.nn import functional
from torch.nn.modules.transformer import _detect_is_causal_mask, _get_seq_len

_LAYERS = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
_WHOLE = (nn.TransformerEncoder, nn.TransformerDecoder, nn.Transformer, nn.MultiheadAttention)


def is_of_torch(module: nn.Module) -> bool:
    """Whether the module runs the ``forward`` of a transformer of torch, which torch.fx must not look into."""
    return any(isinstance(module, kind) and type(module).forward is kind.forward for kind in (*_LAYERS, *_WHOLE))


def shown(module: nn.Module) -> Callable[..., Any] | None:
    """What to trace in place of ``module(…)``; None where it is to stay one call."""
    if not is_of_torch(module) or not module.training:
        return None
    if isinstance(module, nn.TransformerEncoderLayer):
        return lambda *args, **kwargs: _encoder_layer(module, *args, **kwargs)
    if isinstance(module, nn.TransformerDecoderLayer):
        return lambda *args, **kwargs: nn.TransformerDecoderLayer.forward(module, *args, **kwargs)
    if isinstance(module, nn.TransformerEncoder) and module.layers and module.layers[0].training:
        return lambda *args, **kwargs: _encoder(module, *args, **kwargs)
    if isinstance(module, nn.TransformerDecoder) and module.layers:
        return lambda *args, **kwargs: _decoder(module, *args, **kwargs)
    if isinstance(module, nn.Transformer):
        return lambda *args, **kwargs: _transformer(module, *args, **kwargs)
    if isinstance(module, nn.MultiheadAttention) and _has_plain_projections(module):
        return lambda *args, **kwargs: _attention(module, *args, **kwargs)
    return None


def _node(function: Callable[..., Any], like: Any, *args: Any, **kwargs: Any) -> Any:
    return like.tracer.create_proxy("call_function", function, args, kwargs)


def _encoder_layer(
    layer: Any, src: Any, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: Any = False
) -> Any:
    def attend(x: Any) -> Any:
        return layer._sa_block(x, src_mask, src_key_padding_mask, is_causal=is_causal)

    if layer.norm_first:
        x = src + attend(layer.norm1(src))
        return x + layer._ff_block(layer.norm2(x))
    x = layer.norm1(src + attend(src))
    return layer.norm2(x + layer._ff_block(x))


def _encoder(encoder: Any, src: Any, mask: Any = None, src_key_padding_mask: Any = None, is_causal: Any = None) -> Any:
    batch_first = encoder.layers[0].self_attn.batch_first
    hint = is_causal if mask is None else _node(is_causal_mask, src, mask, is_causal, src, batch_first)
    for layer in encoder.layers:
        src = layer(src, src_mask=mask, is_causal=hint is not None and hint, src_key_padding_mask=src_key_padding_mask)
    return src if encoder.norm is None else encoder.norm(src)


def _decoder(
    decoder: Any, tgt: Any, memory: Any, tgt_mask: Any = None, memory_mask: Any = None, tgt_key_padding_mask: Any = None,
    memory_key_padding_mask: Any = None, tgt_is_causal: Any = None, memory_is_causal: Any = False,
) -> Any:  # fmt: skip
    batch_first = decoder.layers[0].self_attn.batch_first
    hint = tgt_is_causal if tgt_mask is None else _node(is_causal_mask, tgt, tgt_mask, tgt_is_causal, tgt, batch_first)
    for layer in decoder.layers:
        tgt = layer(
            tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=hint is not None and hint,
            memory_is_causal=memory_is_causal,
        )  # fmt: skip
    return tgt if decoder.norm is None else decoder.norm(tgt)


def _transformer(
    model: Any, src: Any, tgt: Any, src_mask: Any = None, tgt_mask: Any = None, memory_mask: Any = None,
    src_key_padding_mask: Any = None, tgt_key_padding_mask: Any = None, memory_key_padding_mask: Any = None,
    src_is_causal: Any = None, tgt_is_causal: Any = None, memory_is_causal: Any = False,
) -> Any:  # fmt: skip
    memory = model.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
    return model.decoder(
        tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
        memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal, memory_is_causal=memory_is_causal,
    )  # fmt: skip


def is_causal_mask(mask: Tensor, hint: bool | None, x: Tensor, batch_first: bool) -> bool:
    """What torch's encoder finds out about its mask; False for a mask without values, of which only shapes are asked."""
    if hint is not None or mask.is_meta:
        return hint is True
    allowed = functional._canonical_mask(mask, "mask", None, "", x.dtype, False)
    return _detect_is_causal_mask(allowed, None, _get_seq_len(x, batch_first))


def _has_plain_projections(attention: nn.MultiheadAttention) -> bool:
    """Whether both projections are Parameters that nobody computes, and nothing is added to keys and values."""
    own = attention._parameters.get("in_proj_weight") is not None and "weight" in attention.out_proj._parameters
    return own and attention.bias_k is None and attention.bias_v is None and not attention.add_zero_attn


def _attention(
    module: Any, query: Any, key: Any, value: Any, key_padding_mask: Any = None, need_weights: bool = True,
    attn_mask: Any = None, average_attn_weights: bool = True, is_causal: Any = False,
) -> Any:  # fmt: skip
    itself = query is key is value and isinstance(query, fx.Proxy)
    if not itself or isinstance(need_weights, fx.Proxy):
        return _node_of_module(module, (query, key, value), key_padding_mask=key_padding_mask,
            need_weights=need_weights, attn_mask=attn_mask, average_attn_weights=average_attn_weights,
            is_causal=is_causal)  # fmt: skip
    out = module.out_proj
    projected = functional.linear(query, module.in_proj_weight, module.in_proj_bias)
    both = _node(
        attend, projected, projected, heads=module.num_heads, dropout=module.dropout, key_padding_mask=key_padding_mask,
        need_weights=need_weights, attn_mask=attn_mask, average_attn_weights=average_attn_weights, is_causal=is_causal,
        batch_first=module.batch_first,
    )  # fmt: skip
    mixed = functional.linear(both[0], out.weight, out.bias)
    return _node(batch_first, query, mixed) if module.batch_first else mixed, both[1] if need_weights else None


def _node_of_module(module: Any, args: tuple[Any, ...], **kwargs: Any) -> Any:
    proxy = next((x for x in (*args, *kwargs.values()) if isinstance(x, fx.Proxy)), None)
    if proxy is None:
        raise TypeError("attention of tensors that depend on no argument of the model")
    tracer: Any = proxy.tracer
    return tracer.create_proxy("call_module", tracer.path_of_module(module), args, kwargs)


def batch_first(x: Tensor) -> Tensor:
    """(L, N, E) → (N, L, E) as torch's attention gives it; (L, E) as it is."""
    return x.transpose(1, 0) if x.dim() == 3 else x


def attend(
    projected: Tensor, *, heads: int, dropout: float, key_padding_mask: Tensor | None, need_weights: bool,
    attn_mask: Tensor | None, average_attn_weights: bool, is_causal: bool, batch_first: bool,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Self-attention in training between its two projections, the steps of torch's ``multi_head_attention_forward``.

    ``projected``: x W_inᵀ + b, (L, 3E), or (N, L, 3E) with ``batch_first``, else (L, N, 3E). The rest is as in
    `nn.MultiheadAttention`. Gives heads side by side, (L, E) or (L, N, E), and the weights of the attention or None.
    Raises a `RuntimeError` for masks of wrong shapes.
    """
    is_batched = projected.dim() == 3
    if not is_batched:
        projected = projected.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    elif batch_first:
        projected = projected.transpose(0, 1)
    length, images, width = projected.shape
    q, k, v = (part.contiguous().view(length, images * heads, -1).transpose(0, 1) for part in projected.chunk(3, -1))
    if is_causal and attn_mask is None:
        raise RuntimeError("is_causal is a hint about attn_mask, which must be there, got None")
    by_hint = is_causal and key_padding_mask is None and not need_weights
    allowed = None if by_hint else _allowed(attn_mask, key_padding_mask, q, images, heads)
    if need_weights:
        scores = q * math.sqrt(1.0 / q.shape[-1]) @ k.transpose(1, 2)
        weights = functional.softmax(scores if allowed is None else scores + allowed, dim=-1)
        weights = functional.dropout(weights, dropout) if dropout > 0 else weights
        y = (weights @ v).transpose(0, 1)
        weights = weights.view(images, heads, length, length)
        weights = weights.mean(1) if average_attn_weights else weights
    else:
        weights = None
        shape = images, heads, length, -1
        allowed = allowed if allowed is None or len(allowed) == 1 else allowed.view(images, heads, -1, length)
        y = functional.scaled_dot_product_attention(
            q.view(shape), k.view(shape), v.view(shape), allowed, dropout, by_hint
        ).permute(2, 0, 1, 3)  # fmt: skip
    y = y.reshape(length, images, width // 3)
    return (y, weights) if is_batched else (y.squeeze(1), None if weights is None else weights.squeeze(0))


def _allowed(
    attn_mask: Tensor | None, key_padding_mask: Tensor | None, q: Tensor, images: int, heads: int
) -> Tensor | None:
    """What is added to the scores, (1 or N · heads, 1 or L, L), or None."""
    padding = functional._canonical_mask(
        key_padding_mask, "key_padding_mask", functional._none_or_dtype(attn_mask), "attn_mask", q.dtype
    )
    mask = functional._canonical_mask(attn_mask, "attn_mask", None, "", q.dtype, False)
    length = q.shape[1]
    if mask is not None:
        mask = mask.unsqueeze(0) if mask.dim() == 2 else mask
        if tuple(mask.shape) not in ((1, length, length), (images * heads, length, length)):
            raise RuntimeError(f"attn_mask must be (L, L) or (N · heads, L, L), got {tuple(mask.shape)}")
    if padding is None:
        return mask
    if tuple(padding.shape) != (images, length):
        raise RuntimeError(f"key_padding_mask must be (N, L) = {(images, length)}, got {tuple(padding.shape)}")
    padding = padding.view(images, 1, 1, length).expand(-1, heads, -1, -1).reshape(images * heads, 1, length)
    return padding if mask is None else mask + padding
